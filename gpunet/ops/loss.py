"""Losses of class labels: softmax and cross entropy, and the negative log-likelihood.

The classes are axis 1, as in ``(N, C)`` or ``(N, C, H, W)``, or the only axis. The kernels work on
a matrix with one row for each label; for channels-last images that is the memory as it is.
"""

from __future__ import annotations

from typing import Any

from .arithmetic import quiet
from .channels import from_rows, rows_of

__all__ = [
    "cross_entropy_backward",
    "cross_entropy_forward",
    "nll_loss_backward",
    "nll_loss_forward",
    "soft_cross_entropy_backward",
    "soft_cross_entropy_forward",
]


def cross_entropy_forward(
    be: Any,
    X: Any,
    labels: Any,
    weight: Any,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """``loss[n] = -sum_c t[n, c] log softmax(X[n])[c]``, for the target ``t`` of label ``y[n]``::

        t[n, c] = w[c] ((1 - s) [c = y[n]] + s / C)

    The mean is over ``sum_n w[y[n]]``. Rows whose label is `ignore_index` count nowhere.

    Parameters
    ----------
    X : array of shape (N, C, ...) or (C,)
    labels : int64 array of shape (N, ...) or ()
    weight : array of shape (C,), or None
        w; None for ones.
    reduction : {"none", "mean", "sum"}
    ignore_index : int
    label_smoothing : float
        s.

    Raises
    ------
    IndexError
        For a label that is no class, on the CPU. On a GPU its loss is NaN.
    """
    rows = rows_of(be, X)
    y = be.contiguous(labels).reshape(-1)
    if weight is not None:
        weight = be.contiguous(weight)
    stats = be.empty((3, rows.shape[0]), X.dtype)
    total = be.empty((3,), X.dtype)
    try:
        be.kernels.cross_entropy_forward(
            rows, y, weight, ignore_index, label_smoothing, stats, total
        )
    except IndexError as error:
        raise _no_class("cross_entropy", y, rows.shape[1], ignore_index, error) from None
    saved = (rows, y, weight, stats, total, X.shape, reduction, ignore_index, label_smoothing)
    return _reduced(total, stats[2], labels.shape, reduction), saved


def cross_entropy_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[n, c] = dloss[n] (softmax(X[n])[c] sum_k t[n, k] - t[n, c])``."""
    rows, y, weight, stats, total, shape, reduction, ignore_index, smoothing = saved
    dX = be.empty(rows.shape, rows.dtype)
    dloss = be.contiguous(dY).reshape(-1)
    be.kernels.cross_entropy_backward(
        rows, y, weight, ignore_index, smoothing, stats, total, dloss, reduction == "mean", dX
    )
    return from_rows(be, dX, shape), None, None


def nll_loss_forward(
    be: Any,
    X: Any,
    labels: Any,
    weight: Any,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Any:
    """``loss[n] = -w[y[n]] X[n, y[n]]``; arguments and mean as in `cross_entropy_forward`."""
    rows = rows_of(be, X)
    y = be.contiguous(labels).reshape(-1)
    if weight is not None:
        weight = be.contiguous(weight)
    losses = be.empty(y.shape, X.dtype)
    total = be.empty((3,), X.dtype)
    try:
        be.kernels.nll_forward(rows, y, weight, ignore_index, losses, total)
    except IndexError as error:
        raise _no_class("nll_loss", y, rows.shape[1], ignore_index, error) from None
    saved = (rows.shape, y, weight, total, X.shape, reduction, ignore_index)
    return _reduced(total, losses, labels.shape, reduction), saved


def nll_loss_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[n, y[n]] = -w[y[n]] dloss[n]``, and 0 elsewhere."""
    matrix, y, weight, total, shape, reduction, ignore_index = saved
    dX = be.empty(matrix, total.dtype)
    dloss = be.contiguous(dY).reshape(-1)
    be.kernels.nll_backward(y, weight, ignore_index, total, dloss, reduction == "mean", dX)
    return from_rows(be, dX, shape), None, None


@quiet
def soft_cross_entropy_forward(
    be: Any,
    X: Any,
    T: Any,
    weight: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """``loss[n] = -sum_c t[n, c] log softmax(X[n])[c]`` with probabilities as targets::

        t[n, c] = w[c] ((1 - s) T[n, c] + s / C)

    The mean is over the rows.

    Parameters
    ----------
    X, T : array of shape (N, C, ...) or (C,)
    weight, reduction, label_smoothing
        As in `cross_entropy_forward`.
    """
    rows = rows_of(be, X)
    log_P = be.empty(rows.shape, rows.dtype)
    be.kernels.log_softmax_forward(rows, log_P)
    t = rows_of(be, T)
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    if weight is not None:
        t = t * weight
    losses = -(t * log_P).sum(axis=1)
    saved = (log_P, t, weight, X.shape, reduction, label_smoothing)
    if reduction == "none":
        return losses.reshape(X.shape[:1] + X.shape[2:] if X.ndim > 1 else ()), saved
    total = losses.sum()
    return (total / rows.shape[0] if reduction == "mean" else total), saved


def soft_cross_entropy_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dloss (softmax(X) sum_k t[k] - t)`` and ``dT = -dloss (1 - s) w log softmax(X)``."""
    log_P, t, weight, shape, reduction, smoothing = saved
    if reduction == "none":
        dloss = dY.reshape(-1, 1)
    else:
        dloss = dY / log_P.shape[0] if reduction == "mean" else dY
    dX = dT = None
    if needs[0]:
        dX = be.xp.exp(log_P, out=be.like(log_P))
        dX *= t.sum(axis=1, keepdims=True)
        dX -= t
        dX *= dloss
        dX = from_rows(be, dX, shape)
    if needs[1]:
        dT = log_P * (dloss * (smoothing - 1))
        if weight is not None:
            dT *= weight
        dT = from_rows(be, dT, shape)
    return dX, dT, None


def _reduced(total: Any, losses: Any, shape: tuple[int, ...], reduction: str) -> Any:
    if reduction == "mean":
        return total[2, ...]
    return total[0, ...] if reduction == "sum" else losses.reshape(shape)


def _no_class(name: str, labels: Any, C: int, ignore_index: int, error: IndexError) -> IndexError:
    row = error.args[0]
    return IndexError(
        f"{name}: target {int(labels[row])} (row {row}) is out of bounds: expected a class from 0 "
        f"to {C - 1}, or ignore_index, which is {ignore_index}"
    )
