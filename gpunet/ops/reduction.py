"""Reductions: from all elements along some axes to one, and cumulative sums and products.

``axis`` is None for all axes, one axis or a tuple of axes, not negative; ``keepdims`` leaves them
in the result with length 1.
"""

from __future__ import annotations

import math
from typing import Any

from .arithmetic import quiet

__all__ = [
    "amax_backward",
    "amax_forward",
    "amin_backward",
    "amin_forward",
    "cumprod_backward",
    "cumprod_forward",
    "cumsum_backward",
    "cumsum_forward",
    "logsumexp_backward",
    "logsumexp_forward",
    "mean_backward",
    "mean_forward",
    "pick_backward",
    "pick_forward",
    "prod_backward",
    "prod_forward",
    "std_backward",
    "std_forward",
    "sum_backward",
    "sum_forward",
    "var_backward",
    "var_forward",
]


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """`shape` with 1 for each axis that is reduced."""
    if axis is None:
        return (1,) * len(shape)
    axes = axis if type(axis) is tuple else (axis,)
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def length(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements go into one element of the result."""
    if axis is None:
        return math.prod(shape)
    axes = axis if type(axis) is tuple else (axis,)
    return math.prod([shape[i] for i in axes])


def spread(be: Any, dY: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Each element of `dY` at all the places of an array of `shape` that went into it."""
    dX = be.empty(shape, dY.dtype)
    dX[...] = dY if axis is None and dY.ndim == 0 else dY.reshape(kept_shape(shape, axis))
    return dX


def summed(X: Any, axis: Any, keepdims: bool) -> Any:
    """The sum of `X`. Over the pixels of many images, of each image first: NumPy adds rows of
    channels one after the other, and few terms in each sum lose fewer digits than many."""
    if type(axis) is tuple and len(axis) > 1 and axis[0] == 0 and X.ndim > 2 and X.shape[0] > 1:
        inner = X.sum(axis=axis[1:], keepdims=True)
        return inner.sum(axis=0, keepdims=True) if keepdims else inner.sum(axis=axis)
    return X.sum(axis=axis, keepdims=keepdims)


def sum_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = sum of X``."""
    return summed(X, axis, keepdims), (X.shape, axis)


def sum_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` for every element of the sum."""
    return (spread(be, dY, *saved),)


def mean_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = sum of X / n`` over n elements; NaN for none."""
    n = length(X.shape, axis)
    total = summed(X, axis, keepdims)
    return (total / n if n else total + math.nan), (X.shape, axis, n)


def mean_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY / n``."""
    shape, axis, n = saved
    return (spread(be, dY / (n or 1), shape, axis),)


def prod_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = product of X``."""
    return X.prod(axis=axis, keepdims=keepdims), (X, axis)


def prod_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX_i = dY prod_{j != i} X_j``: the product of those before i and of those after i.

    No quotient ``Y / X_i``, which would fail for an X of 0.
    """
    X, axis = saved
    xp = be.xp
    rows = X.reshape(-1) if axis is None else xp.moveaxis(X, axis, -1)
    before, after = xp.ones_like(rows), xp.ones_like(rows)
    if rows.size:
        before[..., 1:] = xp.cumprod(rows[..., :-1], axis=-1)
        after[..., :-1] = xp.cumprod(rows[..., :0:-1], axis=-1)[..., ::-1]
    others = before * after
    others = others.reshape(X.shape) if axis is None else xp.moveaxis(others, -1, axis)
    return (dY.reshape(kept_shape(X.shape, axis)) * others,)


@quiet
def var_forward(be: Any, X: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    """``Y = sum of (X - mean)^2 / (n - correction)``; NaN where n is 0."""
    centred = X - _mean(X, axis)
    degrees = max(length(X.shape, axis) - correction, 0)
    total = be.xp.square(centred).sum(axis=axis, keepdims=keepdims)
    Y = total * (1 / degrees) if degrees else total / X.dtype.type(0)
    return Y, (centred, axis, degrees)


def var_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = 2 dY (X - mean) / (n - correction)``."""
    centred, axis, degrees = saved
    slope = dY.reshape(kept_shape(centred.shape, axis)) * (2 / degrees if degrees else math.inf)
    return (centred * slope,)


@quiet
def std_forward(be: Any, X: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    """``Y = sqrt(var(X))``."""
    variance, saved = var_forward(be, X, axis, keepdims, correction)
    Y = be.xp.sqrt(variance)
    return Y, (Y, saved)


def std_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dvar = dY / (2 Y)``, and 0 where Y is 0."""
    Y, saved = saved
    dvar = be.xp.where(Y == 0, dY.dtype.type(0), dY / (2 * Y))
    return var_backward(be, dvar, saved, needs)


def _mean(X: Any, axis: Any) -> Any:
    return summed(X, axis, True) / X.dtype.type(length(X.shape, axis))


def amax_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = max of X``."""
    Y = X.max(axis=axis, keepdims=keepdims)
    return Y, (X, Y, axis)


def amax_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` in equal shares to the elements that reach the maximum."""
    X, Y, axis = saved
    kept = kept_shape(X.shape, axis)
    hit = Y.reshape(kept) == X
    # A NaN equals nothing; the share is then 0 / 0, so NaN goes on.
    share = dY.reshape(kept) / hit.sum(axis=axis, keepdims=True).astype(dY.dtype)
    return (hit * share,)


def amin_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = min of X``."""
    Y = X.min(axis=axis, keepdims=keepdims)
    return Y, (X, Y, axis)


amin_backward = amax_backward


def pick_forward(be: Any, X: Any, at: Any, axis: int | None, keepdims: bool) -> Any:
    """``Y = X`` at the positions `at` along `axis`; `at` has length 1 there.

    For no axis `at` is one position in the flattened X.
    """
    if axis is None:
        return X.reshape(-1)[at].reshape(()), (X.shape, at, axis)
    Y = be.xp.take_along_axis(X, at, axis)
    return Y if keepdims else Y.squeeze(axis), (X.shape, at, axis)


def pick_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` at the positions `at`, 0 elsewhere."""
    shape, at, axis = saved
    xp = be.xp
    zero = dY.dtype.type(0)
    if axis is None:
        return xp.where(xp.arange(math.prod(shape)) == at, dY, zero).reshape(shape), None
    places = xp.arange(shape[axis]).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
    return xp.where(places == at, dY.reshape(at.shape), zero), None


@quiet
def logsumexp_forward(be: Any, X: Any, axis: Any, keepdims: bool) -> Any:
    """``Y = log sum exp(X)``, as ``m + log sum exp(X - m)`` with the maximum m."""
    xp = be.xp
    if X.size:
        m = X.max(axis=axis, keepdims=True)
        m = xp.where(xp.isfinite(m), m, X.dtype.type(0))
    else:
        m = X.dtype.type(0)
    kept = xp.log(xp.exp(X - m).sum(axis=axis, keepdims=True)) + m
    Y = kept if keepdims else kept.reshape(X.sum(axis=axis).shape)
    return Y, (X, kept)


def logsumexp_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY exp(X - Y)``."""
    X, kept = saved
    xp = be.xp
    shift = xp.where(xp.isfinite(kept), kept, kept.dtype.type(0))
    return (dY.reshape(kept.shape) * xp.exp(X - shift),)


def cumsum_forward(be: Any, X: Any, axis: int) -> Any:
    """``Y_i = sum_{j <= i} X_j``."""
    return be.xp.cumsum(X, axis=axis), (axis,)


def cumsum_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX_j = sum_{i >= j} dY_i``."""
    axis = saved[0]
    return (be.xp.flip(be.xp.cumsum(be.xp.flip(dY, axis), axis=axis), axis),)


def cumprod_forward(be: Any, X: Any, axis: int) -> Any:
    """``Y_i = prod_{j <= i} X_j``."""
    Y = be.xp.cumprod(X, axis=axis)
    return Y, (X, Y, axis)


def cumprod_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX_j = Y_{j-1} S_j`` with ``S_j = dY_j + X_{j+1} S_{j+1}``, Horner's scheme.

    No quotient ``Y / X_j``, which would fail for an X of 0.
    """
    X, Y, axis = saved
    xp = be.xp
    X, Y, dY = (xp.moveaxis(x, axis, 0) for x in (X, Y, dY))
    dX = xp.empty_like(dY)
    if len(dX):
        S = dX[-1] = dY[-1]
        for j in range(len(dX) - 2, -1, -1):
            S = dX[j] = dY[j] + X[j + 1] * S
        dX[1:] *= Y[:-1]
    return (xp.moveaxis(dX, 0, axis),)
