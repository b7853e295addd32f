"""Matrix products: of matrices, vectors and stacks of matrices."""

from __future__ import annotations

import math
from typing import Any

from .broadcast import broadcast_shape, unbroadcast

__all__ = [
    "addmm_backward",
    "addmm_forward",
    "matmul_backward",
    "matmul_forward",
    "product",
]


def product(be: Any, A: Any, B: Any, out: Any = None) -> Any:
    """``Y[..., m, n] = sum_k A[..., m, k] B[..., k, n]``, with broadcasting of the axes in front.

    A stack times one matrix is one product of a tall matrix.
    """
    if B.ndim == 2:
        if A.ndim == 2:
            return be.gemm(A, B, out)
        K, N = B.shape
        rows = be.gemm(A.reshape(math.prod(A.shape[:-1]), K), B)
        return rows.reshape((*A.shape[:-1], N))
    if A.shape[:-2] != B.shape[:-2]:
        batch = broadcast_shape(A.shape[:-2], B.shape[:-2])
        A = be.xp.broadcast_to(A, (*batch, *A.shape[-2:]))
        B = be.xp.broadcast_to(B, (*batch, *B.shape[-2:]))
    return be.batched_gemm(A, B)


def _as_matrices(A: Any, B: Any) -> tuple[Any, Any]:
    """A vector in front becomes a row, one behind a column."""
    return A if A.ndim > 1 else A.reshape(1, -1), B if B.ndim > 1 else B.reshape(-1, 1)


def matmul_forward(be: Any, A: Any, B: Any) -> Any:
    """``Y = A B`` for vectors (K,), matrices and stacks of matrices (..., M, K) and (..., K, N)."""
    left, right = _as_matrices(A, B)
    Y = product(be, left, right)
    full = Y.shape
    if B.ndim == 1:
        Y = Y.reshape(full[:-1] if A.ndim > 1 else full[:-2])
    elif A.ndim == 1:
        Y = Y.reshape((*full[:-2], full[-1]))
    return Y, (A, B, full)


def matmul_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """``dA = dY B^T``, ``dB = A^T dY``, summed over the broadcast axes."""
    A, B, full = saved
    left, right = _as_matrices(A, B)
    dY = dY.reshape(full)
    dA = dB = None
    if A.ndim == 2 and B.ndim == 2:  # what is written into `out` is returned as it is
        dA = _left(be, dY, A, B, out[0]) if needs[0] else None
        dB = _right(be, dY, A, B, out[1]) if needs[1] else None
        return dA, dB
    if needs[0]:
        dA = _left(be, dY, left, right, None).reshape(A.shape)
    if needs[1]:
        dB = _right(be, dY, left, right, None).reshape(B.shape)
    return dA, dB


def _left(be: Any, dY: Any, A: Any, B: Any, out: Any) -> Any:
    """``dA = dY B^T``."""
    if A.ndim == 2 and B.ndim > 2:
        # dA[m, k] = sum over the stack and n: one product, with both laid out as (m, stack n).
        M, K = A.shape
        tall = be.xp.moveaxis(dY, -2, 0).reshape(M, dY.size // M if M else 0)
        flat = be.xp.moveaxis(B, -2, 0).reshape(K, B.size // K if K else 0)
        return be.gemm(tall, flat.T)
    return unbroadcast(product(be, dY, B.swapaxes(-1, -2), out), A.shape)


def _right(be: Any, dY: Any, A: Any, B: Any, out: Any) -> Any:
    """``dB = A^T dY``."""
    if B.ndim == 2 and A.ndim > 2:
        K, N = B.shape
        rows = math.prod(A.shape[:-1])
        return be.gemm(A.reshape(rows, K).T, dY.reshape(rows, N))
    return unbroadcast(product(be, A.swapaxes(-1, -2), dY, out), B.shape)


def addmm_forward(be: Any, X: Any, A: Any, B: Any, beta: float, alpha: float) -> Any:
    """``Y = beta X + alpha A B``; `X` broadcasts, and is left out for ``beta = 0``."""
    Y = product(be, A, B)
    if alpha != 1:
        Y *= alpha
    if beta != 0:
        Y += X if beta == 1 else X * beta
    return Y, (X.shape, A, B, beta, alpha)


def addmm_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = beta dY``, ``dA = alpha dY B^T``, ``dB = alpha A^T dY``."""
    shape, A, B, beta, alpha = saved
    dX = unbroadcast(dY if beta == 1 else dY * beta, shape) if needs[0] else None
    if alpha != 1:
        dY = dY * alpha
    dA = product(be, dY, B.swapaxes(-1, -2)) if needs[1] else None
    dB = product(be, A.swapaxes(-1, -2), dY) if needs[2] else None
    return dX, dA, dB
