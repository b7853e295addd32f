"""The CUDA backend: CuPy arrays, cuBLAS through CuPy, and the kernels of ``kernels/cuda``."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import cupy
import numpy as np

from ..kernels import cuda as cuda_kernels
from ..kernels import reference
from .base import Backend
from .device import Device
from .device_memory import install
from .staging import Staging, is_pinned, pinned

__all__ = ["CUDA", "CudaBackend"]


#: Stacks of so few matrices, of so many multiplications each, are multiplied one by one.
_FEW, _LARGE = 8, 1 << 26


class CudaBackend(Backend):
    """CuPy on an NVIDIA GPU."""

    name = "cuda"
    xp = cupy
    array_type = cupy.ndarray

    def __init__(self) -> None:
        # A kernel that has no CUDA form runs in its reference form, on CuPy's own functions.
        self.kernels = SimpleNamespace(**{**reference.KERNELS, **cuda_kernels.KERNELS})
        self._in_flight: list[tuple[Any, np.ndarray]] = []

    def device_of(self, array: Any) -> Device:
        return Device("cuda", array.device.id)

    def address(self, array: Any) -> int:
        return array.data.ptr

    def apart(self, array: Any) -> Any:
        return cupy.ndarray(array.shape, array.dtype, array.data, array.strides)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return cupy.empty(shape, dtype)

    def on(self, device: Device) -> Any:
        return cupy.cuda.Device(device.index)

    def from_numpy(
        self, array: Any, device: Device | None = None, non_blocking: bool = False
    ) -> Any:
        with cupy.cuda.Device(device.index if device is not None else None):
            if not (non_blocking and array.size and array.flags.c_contiguous and is_pinned(array)):
                return cupy.asarray(array)
            copy = cupy.empty(array.shape, array.dtype)
            stream = cupy.cuda.get_current_stream()
            copy.set(array, stream=stream)
            # Pinned memory that is given back is used again at once, so it is held until then.
            self._in_flight = [pair for pair in self._in_flight if not pair[0].done]
            self._in_flight.append((stream.record(), array))
            return copy

    def pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return pinned(shape, dtype)

    def staging(self, device: Device) -> Staging:
        return Staging(device)

    def to_numpy(self, array: Any) -> np.ndarray:
        return array.get()

    def gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        if 0 in A.shape or 0 in B.shape:
            # cuBLAS refuses empty matrices; a sum over nothing is zero.
            out = self.empty((A.shape[0], B.shape[1]), A.dtype) if out is None else out
            out.fill(0)
            return out
        # 2-D dot takes transposed views without a copy; matmul would not.
        return cupy.dot(A, B, out)

    def batched_gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        M, N = A.shape[-2], B.shape[-1]
        shape = (*A.shape[:-1], N)
        if 0 in A.shape or 0 in shape:
            out = self.empty(shape, A.dtype) if out is None else out
            out.fill(0)
            return out
        matrices = math.prod(A.shape[:-2])
        if matrices <= _FEW and M * N * A.shape[-1] >= _LARGE:
            # One launch each, on the operands as they are; matmul copies what is transposed.
            out = self.empty(shape, A.dtype) if out is None else out
            for i in np.ndindex(*shape[:-2]):
                self._product(A[i], B[i], out[i])
            return out
        # One launch for all. It copies transposed operands, which is little beside the launches,
        # and needs C order to write into.
        if out is None or out.flags.c_contiguous:
            return cupy.matmul(A, B, out=out)
        out[...] = cupy.matmul(A, B)
        return out

    @staticmethod
    def _product(A: Any, B: Any, out: Any) -> None:
        if out.flags.c_contiguous:
            cupy.dot(A, B, out)
        else:
            out[...] = cupy.dot(A, B)

    @property
    def half(self) -> Backend:
        return _HALF

    def like(self, array: Any) -> Any:
        # CuPy's functions write in C order unless they are given memory.
        return None if array.flags.c_contiguous else cupy.empty_like(array)

    def erf(self, X: Any, out: Any | None = None) -> Any:
        from cupyx.scipy.special import erf

        return erf(X, out=out)

    def synchronize(self) -> None:
        cupy.cuda.get_current_stream().synchronize()


#: The CUDA backend of the process, for all GPUs.
CUDA = CudaBackend()
install()  # the out-of-memory error that says what to do


class _HalfBackend(CudaBackend):
    """`CUDA` with cuBLAS's float16 products, which add up in float32, for float32 arrays.

    The operands hold numbers of float16 and so are copied to it without loss; the product is
    rounded to float16, as it is in PyTorch.
    """

    def gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        return self._widened(super().gemm(A.astype(_FLOAT16), B.astype(_FLOAT16)), A, out)

    def batched_gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        return self._widened(super().batched_gemm(A.astype(_FLOAT16), B.astype(_FLOAT16)), A, out)

    @staticmethod
    def _widened(product: Any, A: Any, out: Any | None) -> Any:
        if out is None:
            return product.astype(A.dtype)
        out[...] = product
        return out


_FLOAT16 = np.dtype("float16")
_HALF = _HalfBackend()
