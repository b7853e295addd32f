"""Normalisation of groups of channels of each sample, down to single ones (instance norm).

Source: Wu and He, Group Normalization, 2018; Ulyanov, Vedaldi and Lempitsky, Instance
Normalization: The Missing Ingredient for Fast Stylization, 2016.
"""

from __future__ import annotations

from typing import Any

from .channels import from_rows, rows_of
from .norm import as_vector, room_for

__all__ = [
    "group_norm_backward",
    "group_norm_forward",
    "instance_norm_backward",
    "instance_norm_forward",
]


def _pixels(be: Any, X: Any) -> Any:
    """`X` of shape (N, C, ...) as an array of shape (N, S, C) with S pixels."""
    N, C = X.shape[:2]
    return rows_of(be, X).reshape(N, X.size // (N * C), C)


def _shaped(be: Any, rows: Any, shape: tuple[int, ...]) -> Any:
    """The inverse of `_pixels`, without a copy."""
    return from_rows(be, rows.reshape(rows.size // shape[1], shape[1]), shape)


def group_norm_forward(be: Any, X: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """Layer norm of each group of ``C / groups`` channels of each sample; then ``Y weight + bias``
    channel by channel.

    Parameters
    ----------
    X : array of shape (N, C, ...)
        Best in channels-last memory, which is also that of the output.
    weight, bias : array of shape (C,), or None
    """
    rows = _pixels(be, X)
    weight = as_vector(be, weight)
    Y = be.empty(rows.shape, X.dtype)
    mean = be.empty((X.shape[0], groups), X.dtype)
    rstd = be.empty((X.shape[0], groups), X.dtype)
    be.kernels.group_norm_forward(rows, weight, as_vector(be, bias), groups, eps, Y, mean, rstd)
    return _shaped(be, Y, X.shape), (rows, weight, mean, rstd, groups, X.shape)


def group_norm_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``x = (X - mean) rstd``: ``dweight = sum dY x`` and ``dbias = sum dY`` for each channel,
    and ``dX`` that of layer norm for ``g = dY weight``.
    """
    rows, weight, mean, rstd, groups, shape = saved
    C = shape[1]
    dX = be.empty(rows.shape, rows.dtype)
    dweight = room_for(be, True, out[1], (C,), rows.dtype)
    dbias = room_for(be, True, out[2], (C,), rows.dtype)
    be.kernels.group_norm_backward(
        _pixels(be, dY), rows, weight, mean, rstd, groups, dX, dweight, dbias
    )
    return (
        _shaped(be, dX, shape),
        dweight if needs[1] else None,
        dbias if needs[2] else None,
    )


def instance_norm_forward(
    be: Any,
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    momentum: float,
    eps: float,
) -> Any:
    """Group norm with each channel a group.

    The running statistics, where there are any, move towards the averages over the samples, with
    the unbiased variance.
    """
    Y, saved = group_norm_forward(be, X, weight, bias, X.shape[1], eps)
    if running_mean is not None:
        mean, rstd = saved[2:4]
        S = X.size // mean.size
        var = (1 / (rstd * rstd) - X.dtype.type(eps)).mean(axis=0) * (S / (S - 1))
        running_mean += momentum * (mean.mean(axis=0) - running_mean)
        running_var += momentum * (var - running_var)
    return Y, saved


instance_norm_backward = group_norm_backward
