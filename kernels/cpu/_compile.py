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
from numba.core import sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc

__all__ = ["FAST_MATH", "c_function", "exact_kernel", "inline", "kernel", "kernel_of_apart"]

# The reassociation and contraction that vectorisation needs; NaN and infinity keep their meaning.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for one thread at its first call, and keep the result on disk.

    One thread; kernels whose work is large share it by `team`.
    """
    return _kept(numba.njit(nogil=True, fastmath=FAST_MATH, error_model="numpy")(function))


def kernel_of_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel` for arrays of which none that is written shares memory with another argument.

    LLVM takes loops over many arrays, or over many places of one, for SIMD code only when it knows.
    """
    compiled = numba.njit(nogil=True, fastmath=FAST_MATH, error_model="numpy")(function)
    compiled._compiler._customize_flags = _apart  # type: ignore[attr-defined]
    return _kept(compiled)


def _apart(flags: Any) -> Any:
    flags.noalias = True
    return flags


def exact_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same without fast math: the results are the same to the last bit on every machine."""
    return _kept(numba.njit(nogil=True, error_model="numpy")(function))


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a scalar helper into the kernels that call it."""
    return numba.njit(inline="always", fastmath=FAST_MATH, error_model="numpy")(function)


def c_function(signature: str, function: Callable[..., Any]) -> CFunc:
    """Compile `function` into a C function, with an `address`, and keep it on disk."""
    options = {"fastmath": FAST_MATH, "error_model": "numpy"}
    compiled = _kept(CFunc(function, sigutils.normalize_signature(signature), {}, options))
    compiled.compile()
    return compiled


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
