"""The CPU backend: NumPy arrays, NumPy's BLAS, and Numba kernels where the work pays for them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..kernels import cpu as fast_kernels
from ..kernels import reference
from ..kernels.reference._erf import erf
from .base import Backend
from .blas import Blas
from .device import Device
from .memory import SMALLEST, HostPool, apart

__all__ = ["CPU", "CpuBackend"]

_DEVICE = Device("cpu")


class CpuBackend(Backend):
    """NumPy on the host."""

    name = "cpu"
    xp = np
    array_type = np.ndarray
    cache_bytes = 1 << 23

    def __init__(self) -> None:
        self.pool = HostPool()
        self.blas = Blas()
        self.empty = self.pool.empty  # type: ignore[method-assign]
        self.kernels = SimpleNamespace(
            **{name: _by_size(name, form) for name, form in reference.KERNELS.items()}
        )

    def kernels_for(self, size: int) -> _FormsFor:
        return _FormsFor(size)

    @staticmethod
    def form(name: str, size: int) -> Callable[..., None]:
        """The kernel `name` in the form for a first argument of `size` elements."""
        plain = reference.KERNELS[name]
        smallest = fast_kernels.SMALLEST_WORK.get(name)
        if smallest is None or size < smallest:
            return plain
        return _fast_form(name, plain)

    def device_of(self, array: Any) -> Device:
        return _DEVICE

    def address(self, array: np.ndarray) -> int:
        return array.__array_interface__["data"][0]

    def apart(self, array: np.ndarray) -> np.ndarray:
        return apart(array)

    def like(self, array: np.ndarray) -> np.ndarray | None:
        return None if array.nbytes < SMALLEST else self.pool.like(array)

    def from_numpy(
        self, array: Any, device: Device | None = None, non_blocking: bool = False
    ) -> np.ndarray:
        return np.asarray(array)

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return self.pool.empty(shape, dtype)

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def gemm(self, A: np.ndarray, B: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            out = self.pool.empty((A.shape[0], B.shape[1]), A.dtype)
        return self.blas.matmul(A, B, out)

    def batched_gemm(
        self, A: np.ndarray, B: np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        shape = (*A.shape[:-1], B.shape[-1])
        if out is None:
            out = self.pool.empty(shape, A.dtype)
        if 0 in A.shape or 0 in out.shape:
            out.fill(0)  # a sum over nothing
            return out
        if A.ndim == 4:
            return self.blas.matmul_stacks(A, B, out)
        if A.ndim == 3:
            self.blas.matmul_stacks(A[None], B[None], out[None])
        elif out.flags.c_contiguous:
            A, B, C = (x.reshape(x.shape[0], -1, *x.shape[-2:]) for x in (A, B, out))
            self.blas.matmul_stacks(A, B, C)
        else:
            np.matmul(A, B, out)
        return out

    def erf(self, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        values = erf(X)
        if out is None:
            return values
        out[...] = values
        return out


def _by_size(name: str, plain: Callable[..., None]) -> Callable[..., None]:
    """The kernel `name`, in NumPy for small arrays and in Numba for large ones.

    The size is that of the kernel's first argument. It alone decides, so that the same step on
    the same shapes always runs the same code, whatever ran before it. Where Numba cannot be used,
    that is NumPy's for all sizes.
    """
    smallest = fast_kernels.SMALLEST_WORK.get(name)
    if smallest is None:
        return plain
    fast: Callable[..., None] | None = None

    def kernel(first: np.ndarray, *rest: Any) -> None:
        nonlocal fast
        if first.size < smallest:
            plain(first, *rest)
            return
        if fast is None:
            fast = _fast_form(name, plain)
        fast(first, *rest)

    kernel.__name__ = name
    kernel.__doc__ = plain.__doc__
    kernel.__wrapped__ = plain  # type: ignore[attr-defined]
    return kernel


def _fast_form(name: str, plain: Callable[..., None]) -> Callable[..., None]:
    try:
        return fast_kernels.load(name)
    except ImportError:
        return plain


class _FormsFor:
    """The kernels as attributes, each in the form for arrays of one size."""

    def __init__(self, size: int):
        self._size = size

    def __getattr__(self, name: str) -> Callable[..., None]:
        form = CpuBackend.form(name, self._size)
        setattr(self, name, form)  # so that this is asked once
        return form


#: The one CPU backend of the process.
CPU = CpuBackend()
