"""The fully connected layer: ``Y = act(X W^T + b)``."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["ACTIVATION_CODES", "linear_backward", "linear_forward"]

#: Activations whose derivative follows from their output, with the code the kernels use.
ACTIVATION_CODES = {"identity": 0, "relu": 1, "sigmoid": 2, "tanh": 3}


def linear_forward(be: Any, X: Any, W: Any, b: Any, activation: str = "identity") -> Any:
    """``Y[..., n] = act(sum_k X[..., k] W[n, k] + b[n])``.

    Parameters
    ----------
    X : array of shape (..., K)
    W : array of shape (N, K)
    b : array of shape (N,), or None
    activation : {"identity", "relu", "sigmoid", "tanh"}

    Returns
    -------
    Y : array of shape (..., N)
    saved : tuple
    """
    K = W.shape[1]
    rows = X if X.ndim == 2 else X.reshape(math.prod(X.shape[:-1]), K)
    act = ACTIVATION_CODES[activation]
    Z = be.affine(rows, W, b, act)
    Y = Z if X.ndim == 2 else Z.reshape(*X.shape[:-1], W.shape[0])
    return Y, (X, W, Z if act else None, act)


def linear_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``dZ = dY act'(Z)``: ``dX = dZ W``, ``dW = dZ^T X``, ``db = sum of dZ over the rows``.

    Source: Nielsen, Neural Networks and Deep Learning, ch. 2, equations BP1 to BP4, for all rows
    of a mini-batch at once.
    """
    X, W, Y, act = saved
    N, K = W.shape
    rows = X if X.ndim == 2 else X.reshape(math.prod(X.shape[:-1]), K)
    dZ = be.contiguous(dY)
    if dZ.ndim != 2:
        dZ = dZ.reshape(rows.shape[0], N)
    db = dW = None
    if act or (needs[2] and not needs[1]):
        db = out[2] if out[2] is not None else be.empty((N,), W.dtype)
        total = be.empty(dZ.shape, dZ.dtype) if act else dZ
        be.kernels.bias_act_backward(dZ, Y if act else dZ, act, total, db)
        dZ = total
    elif needs[2]:
        dW, db = be.affine_gradients(dZ, rows, out[1], out[2])
    dX = be.gemm(dZ, W) if needs[0] else None
    if dX is not None and X.ndim != 2:
        dX = dX.reshape(X.shape)
    if needs[1] and dW is None:
        dW = be.gemm(dZ.T, rows, out[1])
    return dX, dW, db if needs[2] else None
