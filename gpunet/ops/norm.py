"""Normalisation: of samples (layer and RMS norm) and of channels (batch norm).

Source: Ioffe and Szegedy, Batch Normalization, 2015; Ba, Kiros and Hinton, Layer Normalization,
2016; Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
"""

from __future__ import annotations

import math
from typing import Any

from .channels import from_rows, rows_of
from .linear import ACTIVATION_CODES

__all__ = [
    "batch_norm_as_affine",
    "batch_norm_backward",
    "batch_norm_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "rms_norm_backward",
    "rms_norm_forward",
]


def _samples(be: Any, X: Any, D: int) -> Any:
    """`X` as a matrix with D columns."""
    return be.contiguous(X).reshape(X.size // D, D)


def as_vector(be: Any, x: Any) -> Any:
    """A weight or bias as a vector, or None."""
    if x is None:
        return None
    return be.contiguous(x) if x.ndim == 1 else be.contiguous(x).reshape(-1)


def room_for(be: Any, wanted: bool, out: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Memory for the gradient of a parameter: `out` where there is one; None if not wanted."""
    if not wanted:
        return None
    return be.empty(shape, dtype) if out is None else out


def layer_norm_forward(be: Any, X: Any, weight: Any, bias: Any, axes: int, eps: float) -> Any:
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over the last `axes` axes.

    Parameters
    ----------
    X : array of shape (..., *S), where S are `axes` lengths
    weight, bias : array of shape S, or None
    """
    D = math.prod(X.shape[X.ndim - axes :])
    rows = _samples(be, X, D)
    M = rows.shape[0]
    Y = be.empty(rows.shape, X.dtype)
    mean = be.empty((M,), X.dtype)
    rstd = be.empty((M,), X.dtype)
    w = as_vector(be, weight)
    be.kernels.layer_norm_forward(rows, w, as_vector(be, bias), eps, Y, mean, rstd)
    return Y.reshape(X.shape), (rows, mean, rstd, w, X.shape, X.shape[X.ndim - axes :])


def layer_norm_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``x = (X - mean) rstd``, ``g = dY weight``: ``dX = rstd (g - mean(g) - x mean(g x))``,
    ``dweight = sum dY x``, ``dbias = sum dY``.
    """
    rows, mean, rstd, weight, shape, inner = saved
    dX = be.empty(rows.shape, rows.dtype)
    dweight = room_for(be, needs[1], out[1], inner, rows.dtype)
    dbias = room_for(be, needs[2], out[2], inner, rows.dtype)
    be.kernels.layer_norm_backward(
        _samples(be, dY, rows.shape[1]), rows, mean, rstd, weight, dX,
        as_vector(be, dweight), as_vector(be, dbias),
    )  # fmt: skip
    return dX.reshape(shape), dweight, dbias


def rms_norm_forward(be: Any, X: Any, weight: Any, axes: int, eps: float) -> Any:
    """``Y = X / sqrt(mean(X^2) + eps) weight``, with the mean over the last `axes` axes.

    Parameters
    ----------
    X : array of shape (..., *S), where S are `axes` lengths
    weight : array of shape S, or None
    """
    rows = _samples(be, X, math.prod(X.shape[X.ndim - axes :]))
    Y = be.empty(rows.shape, X.dtype)
    rrms = be.empty(rows.shape[:1], X.dtype)
    w = as_vector(be, weight)
    be.kernels.rms_norm_forward(rows, w, eps, Y, rrms)
    return Y.reshape(X.shape), (rows, rrms, w, X.shape, X.shape[X.ndim - axes :])


def rms_norm_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``x = X rrms``, ``g = dY weight``: ``dX = rrms (g - x mean(g x))``,
    ``dweight = sum dY x``.
    """
    rows, rrms, weight, shape, inner = saved
    dX = be.empty(rows.shape, rows.dtype)
    dweight = room_for(be, needs[1], out[1], inner, rows.dtype)
    dY = _samples(be, dY, rows.shape[1])
    be.kernels.rms_norm_backward(dY, rows, rrms, weight, dX, as_vector(be, dweight))
    return dX.reshape(shape), dweight


def batch_norm_forward(
    be: Any,
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    count: Any,
    training: bool,
    momentum: float,
    eps: float,
    activation: str = "identity",
) -> Any:
    """``Y = act((X - mean) / sqrt(var + eps) weight + bias)``, channel by channel.

    In training, `mean` and `var` are those of the batch, and the running statistics move
    towards them; otherwise they are the running statistics.

    Parameters
    ----------
    X : array of shape (N, C) or (N, C, ...)
        Best in channels-last memory, which is also that of the output.
    weight, bias : array of shape (C,), or None
    running_mean, running_var : array of shape (C,), or None
        Changed in place in training; both or neither.
    count : int64 array of shape (), or None
        The number of batches so far; increased by one in training.
    training : bool
    momentum : float
        The weight of the new statistics; a negative one stands for ``1 / count``.
    eps : float
    activation : {"identity", "relu"}
    """
    rows = rows_of(be, X)
    weight, bias = as_vector(be, weight), as_vector(be, bias)
    run_mean, run_var = as_vector(be, running_mean), as_vector(be, running_var)
    act = ACTIVATION_CODES[activation]
    Y = be.empty(rows.shape, X.dtype)
    if training:
        mean = be.empty(rows.shape[1:], X.dtype)
        rstd = be.empty(rows.shape[1:], X.dtype)
        be.kernels.batch_norm_forward(
            rows, weight, bias, run_mean, run_var, count, momentum, eps, act, Y, mean, rstd
        )
        for given, moved in ((running_mean, run_mean), (running_var, run_var)):
            if moved is not given:  # a copy
                given[...] = moved
    else:
        be.kernels.batch_norm_infer(rows, weight, bias, run_mean, run_var, eps, act, Y)
        # Copies: training may change the running statistics before backward comes.
        mean = running_mean.copy()
        rstd = running_var + X.dtype.type(eps)
        be.xp.sqrt(rstd, out=rstd)
        be.xp.divide(1, rstd, out=rstd)
    return from_rows(be, Y, X.shape), (rows, weight, bias, mean, rstd, training, act, X.shape)


def batch_norm_as_affine(
    be: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, eps: float
) -> tuple[Any, Any]:
    """The batch norm in evaluation as ``Y = scale X + shift``: scale and shift of each channel."""
    scale = be.xp.sqrt(running_var + running_var.dtype.type(eps))
    scale = be.xp.divide(1 if weight is None else weight, scale, out=scale)
    shift = running_mean * -scale
    return scale, shift if bias is None else be.xp.add(shift, bias, out=shift)


def batch_norm_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``x = (X - mean) rstd`` and ``g = dY act'``: ``dweight = sum g x``, ``dbias = sum g``,
    and in training ``dX = weight rstd (g - dbias / M - x dweight / M)`` with M values in each
    channel; otherwise ``dX = weight rstd g``.
    """
    rows, weight, bias, mean, rstd, training, act, shape = saved
    dX = be.empty(rows.shape, rows.dtype)
    dweight = room_for(be, True, out[1], mean.shape, rows.dtype)
    dbias = room_for(be, True, out[2], mean.shape, rows.dtype)
    be.kernels.batch_norm_backward(
        rows_of(be, dY), rows, weight, bias, mean, rstd, training, act, dX, dweight, dbias
    )
    return (
        from_rows(be, dX, shape),
        dweight if needs[1] else None,
        dbias if needs[2] else None,
        *(None,) * (len(needs) - 3),
    )
