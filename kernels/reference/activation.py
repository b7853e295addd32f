"""Bias and activation, forward and backward, over a matrix of rows."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["bias_act_backward", "bias_act_forward"]

#: Activations whose derivative follows from their output; the code is the position here.
ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")


def bias_act_forward(Z: Any, b: Any, act: int, Y: Any) -> None:
    """``Y[m, n] = act(Z[m, n] + b[n])``.

    Parameters
    ----------
    Z : array of shape (M, N)
        float32 or float64, C-contiguous.
    b : array of shape (N,)
    act : int
        0 identity, 1 ReLU, 2 logistic sigmoid, 3 tanh.
    Y : array of shape (M, N)
        Output. May be `Z`.
    """
    xp = namespace(Z)
    xp.add(Z, b, out=Y)
    if act == 1:
        xp.maximum(Y, 0, out=Y)
    elif act == 2:
        # sigma(z) = (1 + tanh(z / 2)) / 2 overflows nowhere.
        xp.multiply(Y, 0.5, out=Y)
        xp.tanh(Y, out=Y)
        xp.multiply(Y, 0.5, out=Y)
        xp.add(Y, 0.5, out=Y)
    elif act == 3:
        xp.tanh(Y, out=Y)


def bias_act_backward(dY: Any, Y: Any, act: int, dZ: Any, db: Any) -> None:
    """``dZ[m, n] = dY[m, n] act'(Z[m, n] + b[n])`` and ``db[n] = sum_m dZ[m, n]``.

    Parameters
    ----------
    dY, Y : array of shape (M, N)
        The gradient of the output, and the output of `bias_act_forward`.
    act : int
        As in `bias_act_forward`. For 0, `Y` is not read.
    dZ : array of shape (M, N)
        Output. May be `dY`.
    db : array of shape (N,)
        Output.
    """
    xp = namespace(dY)
    if act == 1:
        xp.copyto(dZ, xp.where(Y > 0, dY, dY.dtype.type(0)))
    elif act == 2:
        xp.multiply(dY, Y * (1 - Y), out=dZ)
    elif act == 3:
        xp.multiply(dY, 1 - Y * Y, out=dZ)
    elif dZ is not dY:
        xp.copyto(dZ, dY)
    xp.sum(dZ, axis=0, out=db)
