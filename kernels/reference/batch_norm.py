"""Batch normalisation: of the columns of a matrix, each of them a channel.

Images in channels-last memory are such a matrix, with a row for each pixel. A ReLU that follows
is part of the same kernels: it costs them no pass over the memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = ["batch_norm_backward", "batch_norm_forward", "batch_norm_infer"]


def batch_norm_forward(
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    count: Any,
    momentum: float,
    eps: float,
    act: int,
    Y: Any,
    mean: Any,
    rstd: Any,
) -> None:
    """``Y[m, c] = act((X[m, c] - mean[c]) rstd[c] weight[c] + bias[c])``, with the mean of column c
    and ``rstd[c] = 1 / sqrt(var[c] + eps)`` from its (biased) variance.

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
    act : int
        0 for none, 1 for ReLU, as in `bias_act_forward`.
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
    _finish(xp, Y, weight, bias, act)
    if count is not None:
        count += 1
    if running_mean is not None:
        factor = momentum if momentum >= 0 else 1 / count
        running_mean += factor * (mean - running_mean)
        running_var += factor * (var * (M / (M - 1)) - running_var)


def batch_norm_infer(
    X: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, act: int, Y: Any
) -> None:
    """``Y[m, c] = act((X[m, c] - mean[c]) / sqrt(var[c] + eps) weight[c] + bias[c])``.

    Parameters
    ----------
    X, weight, bias, eps, act
        As in `batch_norm_forward`; M may be any number.
    mean, var : array of shape (C,)
        The running statistics.
    Y : array of shape (M, C)
        Output. May be `X`.
    """
    xp = namespace(X)
    xp.subtract(X, mean, out=Y)
    Y *= 1 / xp.sqrt(var + X.dtype.type(eps))
    _finish(xp, Y, weight, bias, act)


def batch_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    rstd: Any,
    training: bool,
    act: int,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    """With ``x = (X - mean) rstd`` and ``g = dY act'(x weight + bias)``:
    ``dweight[c] = sum_m g[m, c] x[m, c]``, ``dbias[c] = sum_m g[m, c]`` and::

        dX = weight rstd (g - dbias / M - x dweight / M)    in training
        dX = weight rstd g                                  where mean and rstd are constants

    The slope of ReLU is 1 where its argument is above 0 and 0 elsewhere. It is computed anew, which
    is faster than to read the output.

    Parameters
    ----------
    dY : array of shape (M, C)
    X, weight, bias, mean, rstd, act
        As in `batch_norm_forward`. `bias` is read for ReLU only.
    training : bool
    dX : array of shape (M, C)
        Output.
    dweight, dbias : array of shape (C,)
        Output.
    """
    xp = namespace(dY)
    M = dY.shape[0]
    x = (X - mean) * rstd
    if act:
        z = x.copy()
        _finish(xp, z, weight, bias, 0)
        dY = xp.where(z > 0, dY, dY.dtype.type(0))
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


def _finish(xp: Any, Y: Any, weight: Any, bias: Any, act: int) -> None:
    if weight is not None:
        Y *= weight
    if bias is not None:
        Y += bias
    if act:
        xp.maximum(Y, 0, out=Y)
