"""The p-norm of vectors, over any axes."""

from __future__ import annotations

import math
from typing import Any

from .arithmetic import quiet
from .reduction import kept_shape

__all__ = ["norm_backward", "norm_forward"]


@quiet
def norm_forward(be: Any, X: Any, p: float, axis: Any, keepdims: bool) -> Any:
    """``Y = (sum |X|^p)^(1/p)``; the largest or smallest ``|X|`` for p = inf and -inf, the number
    of nonzero elements for p = 0."""
    xp = be.xp
    if p == 2:
        Y = xp.sqrt(xp.square(X).sum(axis=axis, keepdims=keepdims))
    elif p == 1:
        Y = xp.abs(X).sum(axis=axis, keepdims=keepdims)
    elif p == math.inf:
        Y = xp.abs(X).max(axis=axis, keepdims=keepdims)
    elif p == -math.inf:
        Y = xp.abs(X).min(axis=axis, keepdims=keepdims)
    elif p == 0:
        Y = (X != 0).sum(axis=axis, keepdims=keepdims).astype(X.dtype)
    else:
        Y = xp.power(xp.power(xp.abs(X), p).sum(axis=axis, keepdims=keepdims), 1 / p)
    return Y, (X, Y, p, axis)


def norm_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY sign(X) (|X| / Y)^(p-1)``, and 0 where Y is 0."""
    X, Y, p, axis = saved
    xp = be.xp
    kept = kept_shape(X.shape, axis)
    Y, dY = Y.reshape(kept), dY.reshape(kept)
    zero = dY.dtype.type(0)
    if p == 2:
        dX = X * xp.where(Y == 0, zero, dY / Y)
    elif p == 1:
        dX = xp.sign(X) * dY
    elif p == 0:
        dX = xp.zeros_like(X)
    elif math.isinf(p):
        hit = xp.abs(X) == Y
        share = dY / hit.sum(axis=axis, keepdims=True).astype(dY.dtype)  # ties share
        dX = xp.sign(X) * hit * share
    else:
        slope = xp.power(xp.abs(X), p - 1) * xp.where(Y == 0, zero, dY * xp.power(Y, 1 - p))
        dX = xp.where(X == 0, zero, xp.sign(X) * slope)
    return (dX,)
