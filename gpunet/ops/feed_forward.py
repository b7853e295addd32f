"""Two fully connected layers with an activation between them."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["HIDDEN_ACTIVATIONS", "feed_forward_backward", "feed_forward_forward"]

#: The activations that can stand between, with the code the kernels use.
HIDDEN_ACTIVATIONS = {"relu": 1, "gelu_tanh": 7}


def feed_forward_forward(
    be: Any, X: Any, W1: Any, b1: Any, W2: Any, b2: Any, activation: str
) -> Any:
    """``Y = act(X W1^T + b1) W2^T + b2``.

    The same numbers as those of three operations. That the product behind an activation is known
    here lets a backend join the activation's gradient to it.

    Parameters
    ----------
    X : array of shape (..., K)
    W1, b1 : array of shape (N, K), and (N,) or None
    W2, b2 : array of shape (M, N), and (M,) or None
    activation : {"relu", "gelu_tanh"}

    Returns
    -------
    Y : array of shape (..., M)
    saved : tuple
    """
    K = W1.shape[1]
    rows = X if X.ndim == 2 else X.reshape(math.prod(X.shape[:-1]), K)
    act = HIDDEN_ACTIVATIONS[activation]
    H, kept = be.activated(rows, W1, b1, act)
    Y = be.affine(H, W2, b2, 0)
    if X.ndim != 2:
        Y = Y.reshape(*X.shape[:-1], W2.shape[0])
    return Y, (X, W1, W2, H, kept, act)


def feed_forward_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``dZ = (dY W2) act'(Z)``: ``dW2 = dY^T H``, ``dW1 = dZ^T X``, ``dX = dZ W1``, and the
    gradients of the biases are the sums of dY and of dZ over the rows.
    """
    X, W1, W2, H, kept, act = saved
    rows = X if X.ndim == 2 else X.reshape(H.shape[0], W1.shape[1])
    dY = be.contiguous(dY)
    if dY.ndim != 2:
        dY = dY.reshape(H.shape[0], W2.shape[0])
    dX = dW1 = db1 = dW2 = db2 = None
    if needs[4] and not needs[3]:
        db2 = out[4] if out[4] is not None else be.empty(dY.shape[1:], dY.dtype)
        be.kernels.bias_act_backward(dY, dY, 0, dY, db2)
    elif needs[4]:
        dW2, db2 = be.affine_gradients(dY, H, out[3], out[4])
    elif needs[3]:
        dW2 = be.gemm(dY.T, H, out[3])
    if needs[0] or needs[1] or needs[2]:
        dZ, db1 = be.activated_gradients(dY, W2, act, H, kept, out[2])
        if needs[0]:
            dX = be.gemm(dZ, W1)
            if X.ndim != 2:
                dX = dX.reshape(X.shape)
        if needs[1]:
            dW1 = be.gemm(dZ.T, rows, out[1])
    return dX, dW1, db1 if needs[2] else None, dW2, db2
