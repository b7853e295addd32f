"""Layer, RMS and batch normalisation over a matrix: of its rows, or of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_infer",
    "layer_norm_backward",
    "layer_norm_forward",
    "rms_norm_backward",
    "rms_norm_forward",
]


def layer_norm_forward(
    X: Any, weight: Any, bias: Any, eps: float, Y: Any, mean: Any, rstd: Any
) -> None:
    """``Y[m, d] = (X[m, d] - mean[m]) rstd[m] weight[d] + bias[d]``, with the mean of row m and
    ``rstd[m] = 1 / sqrt(var[m] + eps)`` from its (biased) variance.

    Parameters
    ----------
    X : array of shape (M, D)
        float32 or float64, C-contiguous; D is at least 1.
    weight, bias : array of shape (D,), or None
        None for ones and for zeros.
    eps : float
    Y : array of shape (M, D)
        Output. May be `X`.
    mean, rstd : array of shape (M,)
        Output.
    """
    xp = namespace(X)
    xp.copyto(mean, X.mean(axis=1))
    xp.subtract(X, mean[:, None], out=Y)
    xp.copyto(rstd, 1 / xp.sqrt((Y * Y).mean(axis=1) + X.dtype.type(eps)))
    Y *= rstd[:, None]
    _affine(Y, weight, bias)


def layer_norm_backward(
    dY: Any, X: Any, mean: Any, rstd: Any, weight: Any, dX: Any, dweight: Any, dbias: Any
) -> None:
    """With ``x = (X - mean) rstd`` and ``g = dY weight``, for each row::

        dX = rstd (g - mean(g) - x mean(g x))

    and over all rows ``dweight[d] = sum_m dY[m, d] x[m, d]``, ``dbias[d] = sum_m dY[m, d]``.

    Parameters
    ----------
    dY : array of shape (M, D)
    X, mean, rstd, weight
        As in `layer_norm_forward`.
    dX : array of shape (M, D)
        Output.
    dweight, dbias : array of shape (D,), or None
        Output. None where it is not wanted.
    """
    xp = namespace(dY)
    x = (X - mean[:, None]) * rstd[:, None]
    if dweight is not None:
        xp.sum(dY * x, axis=0, out=dweight)
    if dbias is not None:
        xp.sum(dY, axis=0, out=dbias)
    g = dY if weight is None else dY * weight
    inner = (g * x).mean(axis=1)
    xp.subtract(g, g.mean(axis=1)[:, None], out=dX)
    x *= inner[:, None]
    dX -= x
    dX *= rstd[:, None]


def rms_norm_forward(X: Any, weight: Any, eps: float, Y: Any, rrms: Any) -> None:
    """``Y[m, d] = X[m, d] rrms[m] weight[d]`` with ``rrms[m] = 1 / sqrt(mean_d X[m, d]^2 + eps)``.

    Parameters
    ----------
    X : array of shape (M, D)
        float32 or float64, C-contiguous; D is at least 1.
    weight : array of shape (D,), or None
        None for ones.
    eps : float
    Y : array of shape (M, D)
        Output. May be `X`.
    rrms : array of shape (M,)
        Output.
    """
    xp = namespace(X)
    xp.copyto(rrms, 1 / xp.sqrt((X * X).mean(axis=1) + X.dtype.type(eps)))
    xp.multiply(X, rrms[:, None], out=Y)
    _affine(Y, weight, None)


def rms_norm_backward(dY: Any, X: Any, rrms: Any, weight: Any, dX: Any, dweight: Any) -> None:
    """With ``x = X rrms`` and ``g = dY weight``, for each row ``dX = rrms (g - x mean(g x))``, and
    over all rows ``dweight[d] = sum_m dY[m, d] x[m, d]``.

    Parameters
    ----------
    dY : array of shape (M, D)
    X, rrms, weight
        As in `rms_norm_forward`.
    dX : array of shape (M, D)
        Output.
    dweight : array of shape (D,), or None
        Output. None where it is not wanted.
    """
    xp = namespace(dY)
    x = X * rrms[:, None]
    if dweight is not None:
        xp.sum(dY * x, axis=0, out=dweight)
    g = dY if weight is None else dY * weight
    x *= (g * x).mean(axis=1)[:, None]
    xp.subtract(g, x, out=dX)
    dX *= rrms[:, None]


def batch_norm_forward(
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    count: Any,
    momentum: float,
    eps: float,
    Y: Any,
    mean: Any,
    rstd: Any,
) -> None:
    """``Y[m, c] = (X[m, c] - mean[c]) rstd[c] weight[c] + bias[c]``, with the mean of column c and
    ``rstd[c] = 1 / sqrt(var[c] + eps)`` from its (biased) variance.

    The running statistics move towards those of the batch::

        running_mean = (1 - momentum) running_mean + momentum mean
        running_var  = (1 - momentum) running_var  + momentum var M / (M - 1)

    Parameters
    ----------
    X : array of shape (M, C)
        float32 or float64, C-contiguous; M is at least 2.
    weight, bias : array of shape (C,), or None
        None for ones and for zeros.
    running_mean, running_var : array of shape (C,), or None
        Updated in place; both or neither.
    count : array of shape (), or None
        int64, the number of batches; increased by one.
    momentum : float
        A negative one stands for ``1 / count``, after the increase: the average of all batches.
    eps : float
    Y : array of shape (M, C)
        Output.
    mean, rstd : array of shape (C,)
        Output.
    """
    xp = namespace(X)
    M = X.shape[0]
    xp.copyto(mean, X.mean(axis=0, dtype=np.float64))
    xp.subtract(X, mean, out=Y)
    var = (Y * Y).mean(axis=0, dtype=np.float64)
    xp.copyto(rstd, 1 / xp.sqrt(var + eps))
    Y *= rstd
    _affine(Y, weight, bias)
    if count is not None:
        count += 1
    if running_mean is not None:
        factor = momentum if momentum >= 0 else 1 / count
        running_mean += factor * (mean - running_mean)
        running_var += factor * (var * (M / (M - 1)) - running_var)


def batch_norm_infer(
    X: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, Y: Any
) -> None:
    """``Y[m, c] = (X[m, c] - mean[c]) / sqrt(var[c] + eps) weight[c] + bias[c]``.

    Parameters
    ----------
    X, weight, bias, eps
        As in `batch_norm_forward`; M may be any number.
    mean, var : array of shape (C,)
        The running statistics.
    Y : array of shape (M, C)
        Output. May be `X`.
    """
    xp = namespace(X)
    xp.subtract(X, mean, out=Y)
    Y *= 1 / xp.sqrt(var + X.dtype.type(eps))
    _affine(Y, weight, bias)


def batch_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    training: bool,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    """With ``x = (X - mean) rstd``: ``dweight[c] = sum_m dY[m, c] x[m, c]``,
    ``dbias[c] = sum_m dY[m, c]`` and::

        dX = weight rstd (dY - dbias / M - x dweight / M)    in training
        dX = weight rstd dY                                  where mean and rstd are constants

    Parameters
    ----------
    dY : array of shape (M, C)
    X, weight, mean, rstd
        As in `batch_norm_forward`.
    training : bool
    dX : array of shape (M, C)
        Output.
    dweight, dbias : array of shape (C,)
        Output.
    """
    xp = namespace(dY)
    M = dY.shape[0]
    x = (X - mean) * rstd
    xp.copyto(dweight, (dY * x).sum(axis=0, dtype=np.float64))
    xp.copyto(dbias, dY.sum(axis=0, dtype=np.float64))
    if training:
        x *= dweight / M
        xp.subtract(dY, x, out=dX)
        dX -= dbias / M
        dX *= rstd
    else:
        xp.multiply(dY, rstd, out=dX)
    if weight is not None:
        dX *= weight


def _affine(Y: Any, weight: Any, bias: Any) -> None:
    if weight is not None:
        Y *= weight
    if bias is not None:
        Y += bias
