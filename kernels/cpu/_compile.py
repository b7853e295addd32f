"""How every Numba kernel is compiled, and kept on disk.

Numba keeps a compiled function beside its source (or in the user's cache folder, where that one
cannot be written), and compiles anew when the function's own file has changed. It does not see
that a helper in another file has, although the helper is part of the compiled code. So the names of
the kept files bear a version of all files in this folder together: a new version finds nothing to
reuse, and removes what older ones have left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import Linkage
from numba.core import sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["FAST_MATH", "c_function", "exact_kernel", "inline", "kernel", "kernel_of_apart"]

# The reassociation and contraction that vectorisation needs; NaN and infinity keep their meaning.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for one thread at its first call, and keep the result on disk.

    One thread; kernels whose work is large share it by `team`.
    """
    return _kept(_compiled(function, fastmath=FAST_MATH))


def kernel_of_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel` for arrays of which none that is written shares memory with another argument.

    LLVM takes loops over many arrays, or over many places of one, for SIMD code only when it knows.
    """
    compiled = _compiled(function, fastmath=FAST_MATH)
    compiled._compiler._customize_flags = _apart
    return _kept(compiled)


def _apart(flags: Any) -> Any:
    flags.noalias = True
    return flags


def exact_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same without fast math: the results are the same to the last bit on every machine."""
    return _kept(_compiled(function))


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a scalar helper into the kernels that call it."""
    return numba.njit(inline="always", fastmath=FAST_MATH, error_model="numpy")(function)


def c_function(signature: str, function: Callable[..., Any]) -> CFunc:
    """Compile `function` into a C function, with an `address`, and keep it on disk."""
    options = {"fastmath": FAST_MATH, "error_model": "numpy"}
    found = sigutils.normalize_signature(signature)
    compiled = _kept(CFunc(function, found, {}, options, pipeline_class=_Compiler))
    compiled.compile()
    return compiled


# --- what is compiled into a kernel --------------------------------------------------------------


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    options |= {"nogil": True, "error_model": "numpy", "pipeline_class": _Compiler}
    return numba.njit(**options)(function)


class _Compiler(Compiler):
    """Numba's compiler, into a `_Library`."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        if self.state.library is None:
            self.state.library = _Library(self.state.targetctx.codegen(), func.__qualname__)
            self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _Library(JITCodeLibrary):
    """The code of one kernel, with copies of the helpers it calls that are its own.

    Numba's copies are weak symbols: of all copies that a process has loaded, every caller gets the
    first. Each is optimised together with its caller, so their results differ in the last bits, and
    would depend on which kernels were called before and on whether they were compiled or loaded.
    """

    def _finalize_final_module(self) -> None:
        module = self._final_module
        # For other libraries, into which this one is linked, as Numba makes it.
        self._shared_module = module.clone()
        for function in self._shared_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = Linkage.linkonce_odr
        for function in module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        super()._finalize_final_module()


# --- what is kept on disk ------------------------------------------------------------------------


def _kept(compiled: Any) -> Any:
    # Numba raises RuntimeError where no folder can be written: then nothing is kept.
    with suppress(RuntimeError):
        compiled._cache = _Cache(compiled.__wrapped__)
    return compiled


@cache
def version() -> str:
    """A short hash of the sources in this folder."""
    sources = sorted(
        (path.name, path.read_bytes())
        for path in files(__package__).iterdir()
        if path.name.endswith(".py")
    )
    return hashlib.sha256(repr(sources).encode()).hexdigest()[:12]


class _Names(CompileResultCacheImpl):
    """The names of the files."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return f"{super().get_filename_base(fullname, abiflags)}.gpunet-{version()}"


class _Cache(FunctionCache):
    """Numba's own cache, with our names for the files."""

    _impl_class = _Names

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):  # a full disk keeps nobody from computing
            super().save_overload(sig, data)
            _remove_older(self.cache_path)


@cache
def _remove_older(folder: str) -> None:
    """Remove what other versions have left in `folder`; once, when something is compiled."""
    for path in Path(folder).glob("*.gpunet-*.nb[ic]"):
        if version() not in path.name:
            path.unlink(missing_ok=True)
