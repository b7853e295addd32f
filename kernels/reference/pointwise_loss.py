"""Losses of single elements, and their sum in the same pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = ["pointwise_loss_backward", "pointwise_loss_forward"]

#: The losses; the code is the position here.
KINDS = ("squared", "absolute", "huber", "logits")

_quiet = np.errstate(all="ignore")


@_quiet
def pointwise_loss_forward(
    X: Any, T: Any, kind: int, delta: float, scale: float, L: Any, total: Any
) -> None:
    """``L[i] = scale loss(X[i], T[i])`` and ``total = sum_i L[i]``, with ``D = X - T``::

        kind 0   D^2
        kind 1   |D|
        kind 2   D^2 / 2 where |D| < delta, otherwise delta (|D| - delta / 2)
        kind 3   log(1 + e^X) - T X

    Parameters
    ----------
    X, T : array of shape (n,)
        float32 or float64, C-contiguous.
    kind : int
    delta : float
        Positive; read for kind 2.
    scale : float
    L : array of shape (n,), or None
        Output. None where only the sum is wanted.
    total : array of shape (), or None
        Output. None where only the losses are wanted.
    """
    xp = namespace(X)
    if kind == 3:
        values = xp.maximum(X, 0) - T * X + xp.log1p(xp.exp(-xp.absolute(X)))
    else:
        values = X - T
        if kind == 0:
            values *= values
        elif kind == 1:
            xp.absolute(values, out=values)
        else:
            # With the slope D cut off at -delta and delta, both branches are one formula.
            slope = xp.minimum(xp.maximum(values, -delta), delta)
            values -= 0.5 * slope
            values *= slope
    if scale != 1:
        values *= scale
    if L is not None:
        xp.copyto(L, values)
    if total is not None:
        xp.sum(values, out=total)


@_quiet
def pointwise_loss_backward(
    X: Any, T: Any, kind: int, delta: float, scale: float, dL: Any, dX: Any
) -> None:
    """``dX[i] = scale dL[i] loss'(X[i], T[i])``, the derivative with respect to X::

        kind 0   2 D
        kind 1   sign(D)
        kind 2   D cut off at -delta and delta
        kind 3   sigmoid(X) - T

    Parameters
    ----------
    X, T, kind, delta, scale
        As in `pointwise_loss_forward`.
    dL : array of shape (n,) or (1,)
        The gradient of each loss, or one that all have.
    dX : array of shape (n,)
        Output.
    """
    xp = namespace(X)
    if kind == 3:
        xp.multiply(X, 0.5, out=dX)
        xp.tanh(dX, out=dX)
        dX *= 0.5
        dX += 0.5
        dX -= T
    else:
        xp.subtract(X, T, out=dX)
        if kind == 0:
            dX *= 2
        elif kind == 1:
            xp.sign(dX, out=dX)
        else:
            xp.maximum(dX, -delta, out=dX)
            xp.minimum(dX, delta, out=dX)
    dX *= dL * X.dtype.type(scale)
