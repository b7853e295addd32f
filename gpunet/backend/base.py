"""What the operations ask of a backend: arrays, one matrix product, kernels.

Operations receive a backend as their first argument and never ask which one it is. Whatever
differs between the CPU and a GPU differs here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

from .affine import AffineMaps
from .device import Device

__all__ = ["Array", "Backend"]

#: A ``numpy.ndarray`` or a ``cupy.ndarray``.
Array = Any


class Backend(AffineMaps):
    """One kind of device and the functions that work on its arrays.

    Attributes
    ----------
    name : str
        ``"cpu"`` or ``"cuda"``.
    xp : module
        ``numpy`` or ``cupy``: the array API that both share.
    array_type : type
        ``xp.ndarray``.
    kernels : namespace
        One function for each name in `gpunet.kernels.reference`, in the form that is fastest here.
    cache_bytes : int or None
        What a result may take to be in the processor's caches still when it is read; None where
        cutting work up for that does not pay.
    """

    name: str
    xp: ModuleType
    array_type: type
    kernels: SimpleNamespace
    cache_bytes: int | None = None

    def narrow(self, dtype: Any) -> Backend:
        """This backend for work on numbers of 16 bits that are held in float32 arrays.

        Its matrix products may round their result to `dtype`, float16 or bfloat16; they add up in
        float32.
        """
        return self

    def kernels_for(self, size: int) -> Any:
        """The kernels in the forms for arrays of `size` elements, whatever they are then given.

        For work that is cut into parts, of which the results may not depend on where.
        """
        return self.kernels

    def device_of(self, array: Array) -> Device:
        """The device that holds `array`."""
        raise NotImplementedError(f"{type(self).__name__}.device_of")

    def address(self, array: Array) -> int:
        """The address of the first element of `array`, which is not empty, in its memory."""
        raise NotImplementedError(f"{type(self).__name__}.address")

    def apart(self, array: Array) -> Array:
        """The memory of `array`, which has no gaps, as an array that is the base of its views."""
        raise NotImplementedError(f"{type(self).__name__}.apart")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised C-contiguous array from the backend's memory pool."""
        raise NotImplementedError(f"{type(self).__name__}.empty")

    def like(self, array: Array) -> Array | None:
        """Memory for a result with the shape, dtype and memory order of `array`: an ``out``.

        None where an array function may as well allocate it itself, in that order too.
        """
        return None

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A C-contiguous array of zeros."""
        array = self.empty(shape, dtype)
        array.fill(0)
        return array

    def on(self, device: Device) -> AbstractContextManager[Any]:
        """A context in which ``xp`` makes its arrays on `device`."""
        return nullcontext()

    def from_numpy(
        self, array: Any, device: Device | None = None, non_blocking: bool = False
    ) -> Array:
        """The NumPy array `array` on this backend's device; no copy where that is the CPU.

        In the same memory order, where `array` lies without gaps.

        With `non_blocking` the host does not wait for a copy out of memory from `pinned`.
        """
        raise NotImplementedError(f"{type(self).__name__}.from_numpy")

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An uninitialised NumPy array that the device can read without the host."""
        raise NotImplementedError(f"{type(self).__name__}.pinned")

    def staging(self, device: Device) -> Any:
        """The way for a stream of host arrays to `device`, a `staging.Staging`.

        None where they need none, as the host is the device.
        """
        return None

    def to_numpy(self, array: Array) -> Any:
        """`array` as a NumPy array, in the same memory order where it lies without gaps.

        On a GPU this waits for the device.
        """
        raise NotImplementedError(f"{type(self).__name__}.to_numpy")

    def contiguous(self, array: Array) -> Array:
        """`array` itself if it is C-contiguous, otherwise a C-contiguous copy."""
        return array if array.flags.c_contiguous else self.xp.ascontiguousarray(array)

    def packed(self, array: Array) -> Array:
        """`array` as kernels that read it several times want it: C-contiguous, or just as it is."""
        return array

    def gemm(self, A: Array, B: Array, out: Array | None = None) -> Array:
        """The product of two matrices, ``out[m, n] = sum_k A[m, k] B[k, n]``.

        Parameters
        ----------
        A, B : array of shape (M, K) and (K, N)
            Transposed views are taken as they are, without a copy.
        out : C-contiguous array of shape (M, N), optional
        """
        raise NotImplementedError(f"{type(self).__name__}.gemm")

    def batched_gemm(self, A: Array, B: Array, out: Array | None = None) -> Array:
        """The products of two stacks of matrices, ``out[s, m, n] = sum_k A[s, m, k] B[s, k, n]``.

        Parameters
        ----------
        A, B : array of shape (..., M, K) and (..., K, N)
            With the same axes in front, of which those of a stack that is repeated may have stride
            0. On the CPU transposed matrices, and rows further apart than they are long, are taken
            as they are, without a copy; so are the axes in front, up to two of them.
        out : array of shape (..., M, N), optional
            Any view; its memory must be apart from that of A and B.
        """
        raise NotImplementedError(f"{type(self).__name__}.batched_gemm")

    def erf(self, X: Array, out: Array | None = None) -> Array:
        """The error function of each element."""
        raise NotImplementedError(f"{type(self).__name__}.erf")

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
