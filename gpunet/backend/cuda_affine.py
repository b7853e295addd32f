"""Affine maps of the CUDA backend: where cuBLASLt can, in one product each."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from .base import Backend
from .cublaslt_problem import Epilogue, gelu_ld, relu_ld

__all__ = ["CudaAffine"]

_RELU = 1


class CudaAffine(Backend):
    """A part of `CudaBackend`.

    cuBLASLt adds the bias, applies the activation and sums the bias's gradient to what it has in
    registers. Whatever it refuses (a shape, an address, a version) is done by product and kernel.
    """

    #: A `CublasLt`, or None.
    cublaslt: Any

    def affine(self, X: Any, W: Any, b: Any, act: int) -> Any:
        if b is not None and act <= _RELU and X.size and W.size:
            Y = cupy.empty((X.shape[0], W.shape[0]), X.dtype)
            if self.gemm_bias_act(X, W.T, b, act, Y):
                return Y
        return super().affine(X, W, b, act)

    def gemm_bias_act(self, A: Any, B: Any, b: Any, act: int, out: Any) -> bool:
        """``out = act(A B + b)`` for what is not empty; False where there is no such product."""
        lt = self.cublaslt
        epilogue = Epilogue.RELU_BIAS if act else Epilogue.BIAS
        return act <= _RELU and lt is not None and lt.fused(A, B, out, epilogue, b)

    def affine_gradients(self, dZ: Any, X: Any, dW: Any, db: Any) -> tuple[Any, Any]:
        lt = self.cublaslt
        if lt is not None and dZ.size and X.size:
            rows = (dZ.shape[1],)
            out = cupy.empty((*rows, X.shape[1]), X.dtype) if dW is None else dW
            sums = cupy.empty(rows, dZ.dtype) if db is None else db
            if lt.fused(dZ.T, X, out, Epilogue.BGRADB, sums):
                return out, sums
        return super().affine_gradients(dZ, X, dW, db)

    def activated(self, X: Any, W: Any, b: Any, act: int) -> tuple[Any, Any]:
        lt = self.cublaslt
        if b is not None and lt is not None and X.size and W.size:
            rows, N = X.shape[0], W.shape[0]
            H = cupy.empty((rows, N), X.dtype)
            if act == _RELU:
                ld = relu_ld(N)
                kept = cupy.empty((rows, ld // 8), np.uint8)
                epilogue = Epilogue.RELU_AUX_BIAS
            else:
                ld = gelu_ld(N)
                kept = cupy.empty((rows, ld), X.dtype)
                epilogue = Epilogue.GELU_AUX_BIAS
            if lt.fused(X, W.T, H, epilogue, b, kept, ld):
                return H, kept
        return super().activated(X, W, b, act)

    def activated_gradients(
        self, dY: Any, W: Any, act: int, H: Any, kept: Any, db: Any
    ) -> tuple[Any, Any]:
        lt = self.cublaslt
        N = H.shape[1]
        if lt is not None and kept is not None and dY.size and W.size:
            relu = act == _RELU
            ld = relu_ld(N) if relu else kept.shape[1]
            dZ = cupy.empty(H.shape, H.dtype)
            sums = cupy.empty((N,), H.dtype) if db is None else db
            epilogue = Epilogue.DRELU_BGRAD if relu else Epilogue.DGELU_BGRAD
            # A GELU's input that is not padded is one that a product and kernels have made.
            if ld == (relu_ld(N) if relu else gelu_ld(N)) and lt.fused(
                dY, W, dZ, epilogue, sums, kept, ld
            ):
                return dZ, sums
        if act != _RELU and kept.shape[1] != N:
            kept = cupy.ascontiguousarray(kept[:, :N])
        return super().activated_gradients(dY, W, act, H, kept, db)
