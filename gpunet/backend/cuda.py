"""The CUDA backend: CuPy arrays, products by cuBLASLt, and the kernels of ``kernels/cuda``."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import cupy
import numpy as np

from ..kernels import cuda as cuda_kernels
from ..kernels import reference
from ..kernels.cuda import product
from .affine import AffineMaps
from .base import Backend
from .cuda_affine import CudaAffine
from .device import Device
from .device_memory import install
from .products import CupyProducts, load_cublaslt
from .staging import Staging, in_memory_order, is_pinned, pinned

__all__ = ["CUDA", "CudaBackend"]

_CUPY = CupyProducts()


class CudaBackend(CudaAffine):
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
        axes = None
        if isinstance(array, np.ndarray):
            array, axes = in_memory_order(array)
        made = self._sent(array, device, non_blocking)
        return made if axes is None else made.transpose(axes)

    def _sent(self, array: Any, device: Device | None, non_blocking: bool) -> Any:
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
        packed, axes = in_memory_order(array)
        return packed.get() if axes is None else packed.get().transpose(axes)

    @cached_property
    def cublaslt(self) -> Any:
        """cuBLASLt, or None where CuPy multiplies instead; asked for at the first product."""
        found, self.without_cublaslt = load_cublaslt()
        return found

    def gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        lt = self.cublaslt
        if lt is None or 0 in A.shape or 0 in B.shape:
            return self._plain_gemm(A, B, out)
        target = cupy.empty((A.shape[0], B.shape[1]), A.dtype) if out is None else out
        return target if lt.gemm(A, B, target) else self._plain_gemm(A, B, out)

    def packed(self, array: Any) -> Any:
        return self.contiguous(array)

    def _plain_gemm(self, A: Any, B: Any, out: Any | None) -> Any:
        if 0 in A.shape or 0 in B.shape:
            # cuBLAS refuses empty matrices; a sum over nothing is zero.
            out = self.empty((A.shape[0], B.shape[1]), A.dtype) if out is None else out
            out.fill(0)
            return out
        return _CUPY.gemm(A, B, out)

    def batched_gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        shape = (*A.shape[:-1], B.shape[-1])
        if 0 in A.shape or 0 in shape:
            out = self.empty(shape, A.dtype) if out is None else out
            out.fill(0)
            return out
        lt = self.cublaslt
        if lt is not None:
            target = cupy.empty(shape, A.dtype) if out is None else out
            if lt.batched_gemm(A, B, target):
                return target
        return _CUPY.batched_gemm(A, B, out)

    def narrow(self, dtype: Any) -> Backend:
        return _NARROW[str(dtype)]

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
product.use(CUDA.gemm, CUDA.gemm_bias_act)
install()  # the out-of-memory error that says what to do


class _NarrowBackend(CudaBackend):
    """`CUDA` with products of 16-bit operands, which add up in float32, for float32 arrays.

    The operands hold numbers of 16 bits and so are copied to these without loss; the product is
    rounded to 16 bits, as it is in PyTorch. Where bfloat16 has no products (CuPy's are not sure to
    have them, nor are GPUs before compute capability 8.0) they stay in float32.

    Parameters
    ----------
    kind : {"float16", "bfloat16"}
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    cublaslt = property(lambda self: CUDA.cublaslt)
    # The sum with the bias is that of float32 numbers.
    affine, affine_gradients = AffineMaps.affine, AffineMaps.affine_gradients
    activated, activated_gradients = AffineMaps.activated, AffineMaps.activated_gradients

    @cached_property
    def dtype(self) -> np.dtype | None:
        """Of the operands, or None where they stay in float32."""
        if self.kind == "bfloat16" and (
            self.cublaslt is None or int(cupy.cuda.Device().compute_capability) < 80
        ):
            return None
        return np.dtype(self.kind)

    def gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        dtype = self.dtype
        if dtype is None:
            return super().gemm(A, B, out)
        return self._widened(super().gemm(A.astype(dtype), B.astype(dtype)), A, out)

    def batched_gemm(self, A: Any, B: Any, out: Any | None = None) -> Any:
        dtype = self.dtype
        if dtype is None:
            return super().batched_gemm(A, B, out)
        return self._widened(super().batched_gemm(A.astype(dtype), B.astype(dtype)), A, out)

    @staticmethod
    def _widened(product: Any, A: Any, out: Any | None) -> Any:
        if out is None:
            return product.astype(A.dtype)
        out[...] = product
        return out


_NARROW = {kind: _NarrowBackend(kind) for kind in ("float16", "bfloat16")}
