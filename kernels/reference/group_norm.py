"""Group normalisation of images: of each group of channels of each sample.

With one channel in each group it is instance normalisation, with one group layer normalisation.
"""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["group_norm_backward", "group_norm_forward"]


def group_norm_forward(
    X: Any, weight: Any, bias: Any, groups: int, eps: float, Y: Any, mean: Any, rstd: Any
) -> None:
    """``Y[n, s, c] = (X[n, s, c] - mean[n, g]) rstd[n, g] weight[c] + bias[c]``, g the group
    of channel c, with the mean of the group's channels over all s and
    ``rstd[n, g] = 1 / sqrt(var[n, g] + eps)`` from their (biased) variance.

    Parameters
    ----------
    X : array of shape (N, S, C)
        float32 or float64, C-contiguous: images in channels-last memory with S pixels each. S and C
        are at least 1.
    weight, bias : array of shape (C,), or None
        None for ones and for zeros.
    groups : int
        G, a divisor of C. A group is C / G channels side by side.
    eps : float
    Y : array of shape (N, S, C)
        Output.
    mean, rstd : array of shape (N, G)
        Output.
    """
    xp = namespace(X)
    parts, out = _grouped(X, groups), _grouped(Y, groups)
    xp.copyto(mean, parts.mean(axis=(1, 3)))
    xp.subtract(parts, mean[:, None, :, None], out=out)
    xp.copyto(rstd, 1 / xp.sqrt((out * out).mean(axis=(1, 3)) + X.dtype.type(eps)))
    out *= rstd[:, None, :, None]
    if weight is not None:
        Y *= weight
    if bias is not None:
        Y += bias


def group_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    groups: int,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    """With ``x = (X - mean) rstd`` and ``h = dY weight``, and averages over each group::

        dX = rstd (h - average(h) - x average(h x))

    and ``dweight[c] = sum_ns dY[n, s, c] x[n, s, c]``, ``dbias[c] = sum_ns dY[n, s, c]``.

    Parameters
    ----------
    dY : array of shape (N, S, C)
    X, weight, mean, rstd, groups
        As in `group_norm_forward`.
    dX : array of shape (N, S, C)
        Output.
    dweight, dbias : array of shape (C,)
        Output.
    """
    xp = namespace(dY)
    x = (_grouped(X, groups) - mean[:, None, :, None]) * rstd[:, None, :, None]
    xp.sum(dY * x.reshape(X.shape), axis=(0, 1), out=dweight)
    xp.sum(dY, axis=(0, 1), out=dbias)
    h = _grouped(dY if weight is None else dY * weight, groups)
    x *= (h * x).mean(axis=(1, 3), keepdims=True)
    out = _grouped(dX, groups)
    xp.subtract(h, h.mean(axis=(1, 3), keepdims=True), out=out)
    out -= x
    out *= rstd[:, None, :, None]


def _grouped(X: Any, groups: int) -> Any:
    N, S, C = X.shape
    return X.reshape(N, S, groups, C // groups)
