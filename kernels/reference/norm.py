"""Layer and RMS normalisation: of the rows of a matrix."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = [
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


def _affine(Y: Any, weight: Any, bias: Any) -> None:
    if weight is not None:
        Y *= weight
    if bias is not None:
        Y += bias
