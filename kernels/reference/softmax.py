"""Softmax, its logarithm, and the losses of class labels, over the rows of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = [
    "cross_entropy_backward",
    "cross_entropy_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "nll_backward",
    "nll_forward",
    "softmax_backward",
    "softmax_forward",
]

# NaN and infinity in the input, and means over nothing, are results, not accidents.
_quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@_quiet
def softmax_forward(X: Any, Y: Any) -> None:
    """``Y[m, c] = exp(X[m, c]) / sum_k exp(X[m, k])``.

    Parameters
    ----------
    X : array of shape (M, C)
        float32 or float64, C-contiguous.
    Y : array of shape (M, C)
        Output. May be `X`.
    """
    if X.size:
        xp = namespace(X)
        xp.subtract(X, X.max(axis=1, keepdims=True), out=Y)
        xp.exp(Y, out=Y)
        xp.divide(Y, Y.sum(axis=1, keepdims=True), out=Y)


@_quiet
def softmax_backward(dY: Any, Y: Any, dX: Any) -> None:
    """``dX[m, c] = Y[m, c] (dY[m, c] - sum_k dY[m, k] Y[m, k])``.

    Parameters
    ----------
    dY, Y : array of shape (M, C)
        The gradient of the output, and the output of `softmax_forward`.
    dX : array of shape (M, C)
        Output. May be `dY`.
    """
    xp = namespace(dY)
    inner = (dY * Y).sum(axis=1, keepdims=True)
    xp.subtract(dY, inner, out=dX)
    xp.multiply(dX, Y, out=dX)


@_quiet
def log_softmax_forward(X: Any, Y: Any) -> None:
    """``Y[m, c] = X[m, c] - log sum_k exp(X[m, k])``.

    Parameters
    ----------
    X : array of shape (M, C)
        float32 or float64, C-contiguous.
    Y : array of shape (M, C)
        Output. May be `X`.
    """
    if X.size:
        xp = namespace(X)
        xp.subtract(X, X.max(axis=1, keepdims=True), out=Y)
        xp.subtract(Y, xp.log(xp.exp(Y).sum(axis=1, keepdims=True)), out=Y)


@_quiet
def log_softmax_backward(dY: Any, Y: Any, dX: Any) -> None:
    """``dX[m, c] = dY[m, c] - exp(Y[m, c]) sum_k dY[m, k]``.

    Parameters
    ----------
    dY, Y : array of shape (M, C)
        The gradient of the output, and the output of `log_softmax_forward`.
    dX : array of shape (M, C)
        Output. May be `dY`.
    """
    xp = namespace(dY)
    xp.subtract(dY, xp.exp(Y) * dY.sum(axis=1, keepdims=True), out=dX)


@_quiet
def cross_entropy_forward(
    X: Any, labels: Any, weight: Any, ignore_index: int, smoothing: float, rows: Any, total: Any
) -> None:
    """The cross entropy of ``P = softmax(X)``, one label ``y = labels[m]`` for each row::

        loss[m] = -(1 - smoothing) w[y] log P[m, y] - smoothing / C sum_c w[c] log P[m, c]

    and 0 for a row whose label is `ignore_index`.

    Parameters
    ----------
    X : array of shape (M, C)
        float32 or float64, C-contiguous; C is at least 1.
    labels : array of shape (M,)
        int64.
    weight : array of shape (C,), or None
        w; None for ones.
    ignore_index : int
    smoothing : float
        0 to 1.
    rows : array of shape (3, M)
        Output. ``rows[0]`` is the largest value of each row, ``rows[1]`` is
        ``1 / sum_c exp(X[m, c] - rows[0, m])``, and ``rows[2]`` the loss. Maximum and sum are
        kept apart, as their log-sum-exp would round away what a large maximum leaves of it.
    total : array of shape (3,)
        Output: the sum of the losses; the sum of w[y] over the rows that are not ignored; the
        first divided by the second.

    Raises
    ------
    IndexError
        For a label that is neither a class nor `ignore_index`; its argument is the row. On a
        GPU, where looking would mean waiting, the loss of such a row is NaN instead.
    """
    xp = namespace(X)
    M, C = X.shape
    counted, y, w = _look_up(X, labels, weight, ignore_index, C)
    high = X.max(axis=1)
    Z = X - high[:, None]
    sums = xp.exp(Z).sum(axis=1)
    logs = xp.log(sums)
    losses = w * (logs - Z[xp.arange(M), y])
    if smoothing:
        minus_log_P = logs[:, None] - Z
        spread = (minus_log_P if weight is None else minus_log_P * weight).sum(axis=1)
        losses = (1 - smoothing) * losses + (smoothing / C) * spread
    rows[0] = high
    rows[1] = 1 / sums
    _reduce(xp, counted, losses, w, rows[2], total)


@_quiet
def cross_entropy_backward(
    X: Any,
    labels: Any,
    weight: Any,
    ignore_index: int,
    smoothing: float,
    rows: Any,
    total: Any,
    dloss: Any,
    mean: bool,
    dX: Any,
) -> None:
    """``dX[m, c] = g[m] (P[m, c] sum_k t[m, k] - t[m, c])`` with the weighted target
    ``t[m, c] = (1 - smoothing) w[y] [c = y] + smoothing / C w[c]``.

    Parameters
    ----------
    X, labels, weight, ignore_index, smoothing
        As in `cross_entropy_forward`.
    rows, total : array of shape (3, M) and (3,)
        Its outputs.
    dloss : array of shape (M,) or (1,)
        The gradient of the result with respect to each row's loss, or to their sum or mean.
    mean : bool
        Whether ``g = dloss / total[1]``; otherwise ``g = dloss``.
    dX : array of shape (M, C)
        Output. Zero in the rows that are ignored.
    """
    xp = namespace(X)
    M, C = X.shape
    counted, y, w = _look_up(X, labels, weight, ignore_index, C)
    g = xp.broadcast_to(dloss / total[1] if mean else dloss, (M,))
    at_label = (1 - smoothing) * w
    spread = X.dtype.type(smoothing / C) * (xp.ones(C, X.dtype) if weight is None else weight)
    xp.exp(X - rows[0][:, None], out=dX)
    dX *= (rows[1] * (at_label + spread.sum()))[:, None]
    dX -= spread
    dX[xp.arange(M), y] -= at_label
    dX *= g[:, None]
    xp.copyto(dX, xp.where(counted[:, None], dX, dX.dtype.type(0)))


@_quiet
def nll_forward(
    X: Any, labels: Any, weight: Any, ignore_index: int, losses: Any, total: Any
) -> None:
    """``losses[m] = -w[y] X[m, y]`` with ``y = labels[m]``, and 0 where y is `ignore_index`.

    Parameters
    ----------
    X : array of shape (M, C)
        The logarithms of the probabilities.
    labels, weight, ignore_index, total
        As in `cross_entropy_forward`.
    losses : array of shape (M,)
        Output.

    Raises
    ------
    IndexError
        As in `cross_entropy_forward`.
    """
    xp = namespace(X)
    M, C = X.shape
    counted, y, w = _look_up(X, labels, weight, ignore_index, C)
    _reduce(xp, counted, -w * X[xp.arange(M), y], w, losses, total)


@_quiet
def nll_backward(
    labels: Any, weight: Any, ignore_index: int, total: Any, dloss: Any, mean: bool, dX: Any
) -> None:
    """``dX[m, c] = -g[m] w[y] [c = y]``, and 0 in the rows that are ignored.

    Parameters
    ----------
    labels, weight, ignore_index, total
        As in `nll_forward`.
    dloss, mean
        As in `cross_entropy_backward`.
    dX : array of shape (M, C)
        Output.
    """
    xp = namespace(dX)
    M, C = dX.shape
    counted, y, w = _look_up(dX, labels, weight, ignore_index, C)
    g = dloss / total[1] if mean else dloss
    dX.fill(0)
    dX[xp.arange(M), y] = xp.where(counted, -g * w, dX.dtype.type(0))


def _look_up(X: Any, labels: Any, weight: Any, ignore_index: int, C: int) -> tuple[Any, Any, Any]:
    """For each row: whether it counts, a label that is safe to index with, and its weight."""
    xp = namespace(X)
    counted = labels != ignore_index
    wrong = counted & ((labels < 0) | (labels >= C))
    if xp is np and wrong.any():
        raise IndexError(int(wrong.argmax()))
    y = xp.where(counted & ~wrong, labels, 0)
    w = xp.ones(len(labels), X.dtype) if weight is None else weight[y]
    return counted, y, w if xp is np else xp.where(wrong, X.dtype.type(np.nan), w)


def _reduce(xp: Any, counted: Any, losses: Any, w: Any, out: Any, total: Any) -> None:
    zero = out.dtype.type(0)
    out[...] = xp.where(counted, losses, zero)
    total[0] = out.sum()
    total[1] = xp.where(counted, w, zero).sum()
    total[2] = total[0] / total[1]
