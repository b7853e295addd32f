"""The bilinear form: ``y_n = x1^T W_n x2 + b_n``."""

from __future__ import annotations

from typing import Any

__all__ = ["bilinear_backward", "bilinear_forward"]


def bilinear_forward(be: Any, X1: Any, X2: Any, W: Any, b: Any) -> Any:
    """``Y[m, n] = sum_kj X1[m, k] W[n, k, j] X2[m, j] + b[n]``.

    One matrix product with all the ``W_n`` side by side, which gives
    ``T[m, n, j] = sum_k X1[m, k] W[n, k, j]``, and then a sum over j.

    Parameters
    ----------
    X1 : array of shape (M, K)
    X2 : array of shape (M, J)
    W : array of shape (N, K, J)
    b : array of shape (N,), or None
    """
    N, K, J = W.shape
    columns = be.contiguous(W.transpose(1, 0, 2)).reshape(K, N * J)
    T = be.gemm(X1, columns).reshape(X1.shape[0], N, J)
    Y = (T * X2[:, None, :]).sum(axis=2)
    if b is not None:
        Y += b
    return Y, (X1, X2, W, columns, T)


def bilinear_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX1 = dT W``, ``dW = X1^T dT`` with ``dT[m, n, j] = dY[m, n] X2[m, j]``.

    ``dX2[m, j] = sum_n dY[m, n] T[m, n, j]``, ``db = sum of dY over the rows``.
    """
    X1, X2, W, columns, T = saved
    N, K, J = W.shape
    dX1 = dW = None
    if needs[0] or needs[2]:
        dT = (dY[:, :, None] * X2[:, None, :]).reshape(X1.shape[0], N * J)
        if needs[0]:
            dX1 = be.gemm(dT, columns.T)
        if needs[2]:
            dW = be.contiguous(be.gemm(X1.T, dT).reshape(K, N, J).transpose(1, 0, 2))
    dX2 = (dY[:, :, None] * T).sum(axis=1) if needs[1] else None
    return dX1, dX2, dW, dY.sum(axis=0) if needs[3] else None
