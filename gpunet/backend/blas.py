"""NumPy's BLAS: its functions, its threads, and who does a matrix product."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels import cpu as fast_kernels

__all__ = ["Blas"]

#: Multiplications up to which `numpy.dot` is done sooner than `numpy.matmul`, which asks more.
_SMALL = 1 << 16
#: Multiplications from which a product is shared by the team: below, one thread is done sooner.
#: OpenBLAS's own threads begin at twice as many.
_SHARED = 1 << 17
#: Up to there, a product is shared only if its two shorter sides span as much as this: a long and
#: thin one, as of ten samples, is a single tile, or tiles of a microsecond.
_THIN = 512
#: Multiplications from which each matrix of a short stack is worth being cut by `gemm.Products`.
_LARGE = 1 << 24
#: Processors for which OpenBLAS has kernels for small products.
_UNPACKED = ("skylakex", "cooperlake", "sapphirerapids")


@functools.cache
def openblas() -> Any:
    """NumPy's OpenBLAS, as a function from a name to a function; None if NumPy has another BLAS.

    The wheels' OpenBLAS has names with a prefix and, as its integers have 64 bits, a suffix.
    """
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas64*")):
            library = ctypes.CDLL(str(path))
            if hasattr(library, "scipy_cblas_sgemm64_"):
                return lambda name: getattr(library, f"scipy_{name}64_")
    return None


class Blas:
    """The matrix products of the CPU backend.

    Attributes
    ----------
    known : bool
        Whether NumPy's BLAS is one that can be called from here; otherwise NumPy calls it.
    """

    def __init__(self) -> None:
        find = openblas()
        self.known = find is not None
        self._held = 0  # threads that BLAS goes back to in place of the settings', if not 0
        if find is None:
            return
        fast_kernels.settings.threads = find("openblas_get_num_threads")()
        self._set = find("openblas_set_num_threads")
        self._set.argtypes, self._set.restype = [ctypes.c_int], None
        name = find("openblas_get_corename")
        name.restype = ctypes.c_char_p
        self._unpacked = name().decode().lower() in _UNPACKED
        self._addresses = {
            char: ctypes.cast(find(f"cblas_{letter}gemm"), ctypes.c_void_p).value
            for char, letter in (("f", "s"), ("d", "d"))
        }
        self._products: Any = None
        self._stack_products: Any = None

    def matmul(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> np.ndarray:
        """``out = A B`` for matrices of one dtype; `out` is C-contiguous."""
        work = A.size * B.shape[1]
        if work <= _SMALL:
            return np.dot(A, B, out)
        if not self._is_shared(A, B, work):
            return np.matmul(A, B, out)
        # From here on OpenBLAS would use threads of its own: see kernels/cpu/gemm.py.
        self._set(1)
        try:
            if not self._share(A, B, out):
                np.matmul(A, B, out)
        finally:
            self._set(self._held or fast_kernels.settings.threads)
        return out

    def bound(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> Callable[..., Any]:
        """What does as `matmul` for these very arrays, called with them, inside of `alone`."""
        work = A.size * B.shape[1]
        if work <= _SMALL:
            return np.dot
        if not self._is_shared(A, B, work):
            return np.matmul
        return self._bind(A, B, out) or np.matmul

    @contextmanager
    def alone(self) -> Iterator[None]:
        """BLAS has no threads of its own inside of the block, which the team would wait for."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """The beginning of such a block."""
        if self.known:
            self._held = 1
            self._set(1)

    def release(self) -> None:
        """The end of such a block."""
        if self.known:
            self._held = 0
            self._set(fast_kernels.settings.threads)

    def _is_shared(self, A: np.ndarray, B: np.ndarray, work: int) -> bool:
        """Whether the team may do a product of so many multiplications."""
        return (
            work >= _SHARED
            and fast_kernels.settings.threads > 1
            and self.known
            and (work >= 2 * _SHARED or work >= _THIN * max(*A.shape, B.shape[1]))
        )

    def _share(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> bool:
        products = self._team_products(out)
        return products is not None and products.multiply(A, B, out)

    def _bind(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> Any:
        products = self._team_products(out)
        return None if products is None else products.bound(A, B, out)

    def _team_products(self, out: np.ndarray) -> Any:
        if out.dtype.char not in "fd" or fast_kernels.problem():
            return None
        if self._products is None:
            gemm = fast_kernels.load_family("gemm")  # imports Numba
            self._products = gemm.Products(self._addresses, self._unpacked)
        return self._products

    def matmul_stacks(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> np.ndarray:
        """``out[p, q] = A[p, q] B[p, q]`` for stacks of matrices of one dtype, none empty."""
        P, Q, M, K = A.shape
        N = B.shape[-1]
        threads = fast_kernels.settings.threads
        if P * Q * M * N * K < _SHARED or threads == 1 or not self.known:
            return np.matmul(A, B, out)
        self._set(1)
        try:
            large = threads > P * Q and M * N * K >= _LARGE
            if not (large and self._share_each(A, B, out)) and not self._share_stacks(A, B, out):
                np.matmul(A, B, out)
        finally:
            self._set(self._held or threads)
        return out

    def _share_each(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> bool:
        """One product after the other, each shared: for stacks of fewer matrices than threads."""
        if not out.flags.c_contiguous:
            return False
        P, Q = out.shape[:2]
        return all(self._share(A[p, q], B[p, q], out[p, q]) for p in range(P) for q in range(Q))

    def _share_stacks(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> bool:
        if out.dtype.char not in "fd" or fast_kernels.problem():
            return False
        if self._stack_products is None:
            stack = fast_kernels.load_family("gemm_stack")  # imports Numba
            self._stack_products = stack.StackProducts(self._addresses, self._unpacked)
        return self._stack_products.multiply(A, B, out)

    @property
    def threads(self) -> int:
        """What OPENBLAS_NUM_THREADS says, or by default one thread for each core."""
        return fast_kernels.settings.threads

    def set_num_threads(self, n: int) -> None:
        """Use `n` threads for large products and other large kernels."""
        if n < 1:
            raise ValueError(f"set_num_threads: expected a positive number, got {n}")
        fast_kernels.settings.threads = n
        if self.known:
            self._set(n)
