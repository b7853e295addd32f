"""Activations, forward and backward: after a bias over a matrix of rows, and by themselves."""

from __future__ import annotations

import math
from typing import Any

from ._erf import erf
from ._namespace import namespace

__all__ = [
    "activation_backward",
    "activation_forward",
    "bias_act_backward",
    "bias_act_forward",
    "layer_forward",
]

#: The code of an activation is its position here. The derivative of the first four follows from
#: their output, and `bias_act_forward` has these only.
ACTIVATIONS = (
    "identity", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu",
    "softplus", "hardtanh", "mish", "softsign",
)  # fmt: skip


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
        xp.copyto(Y, _sigmoid(xp, Y))
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


def layer_forward(Z: Any, b: Any, act: int, A: Any) -> None:
    """``Z[m, n] += b[n]`` and ``A[m, n] = act(Z[m, n])``: `bias_act_forward` that keeps both.

    Parameters
    ----------
    Z : array of shape (M, N)
        float32 or float64, C-contiguous; updated.
    b : array of shape (N,)
    act : int
        As in `bias_act_forward`.
    A : array of shape (M, N)
        Output. Not `Z`.
    """
    xp = namespace(Z)
    xp.add(Z, b, out=Z)
    if act:
        activation_forward(Z, act, 0.0, 0.0, A)
    else:
        xp.copyto(A, Z)


def activation_forward(X: Any, act: int, a: float, b: float, Y: Any) -> None:
    """``Y[i] = act(X[i])``.

    ======  ==========  ===========================================  ==========================
    `act`   name        act(x)                                       parameters
    ======  ==========  ===========================================  ==========================
    1       relu        max(x, 0)
    2       sigmoid     sigma(x) = 1 / (1 + e^-x)
    3       tanh        tanh(x)
    4       leaky_relu  x if x > 0 else a x                          a: slope
    5       elu         x if x > 0 else a (e^x - 1)                  a: alpha
    6       gelu        x Phi(x), Phi = (1 + erf(x / sqrt(2))) / 2
    7       gelu_tanh   x (1 + tanh(c (x + 0.044715 x^3))) / 2,
                        c = sqrt(2 / pi)
    8       silu        x sigma(x)
    9       softplus    x if a x > b else log(1 + e^(a x)) / a       a: beta, b: threshold
    10      hardtanh    min(max(x, a), b)                            a, b: the bounds
    11      mish        x tanh(log(1 + e^x))
    12      softsign    x / (1 + |x|)
    ======  ==========  ===========================================  ==========================

    NaN stays NaN.

    Parameters
    ----------
    X : array of shape (n,)
        float32 or float64, C-contiguous.
    act : int
    a, b : float
        The parameters of the activation, 0 where it has none.
    Y : array of shape (n,)
        Output. May be `X`.
    """
    xp = namespace(X)
    real = X.dtype.type
    a, b = real(a), real(b)
    if act == 1:
        xp.maximum(X, 0, out=Y)
    elif act == 2:
        xp.copyto(Y, _sigmoid(xp, X))
    elif act == 3:
        xp.tanh(X, out=Y)
    elif act == 4:
        xp.copyto(Y, xp.where(X > 0, X, X * a))
    elif act == 5:
        xp.copyto(Y, xp.where(X > 0, X, a * xp.expm1(xp.minimum(X, 0))))
    elif act == 6:
        xp.copyto(Y, X * _normal_cdf(X))
    elif act == 7:
        xp.copyto(Y, X * (0.5 + 0.5 * xp.tanh(_cubic(X))))
    elif act == 8:
        xp.copyto(Y, X * _sigmoid(xp, X))
    elif act == 9:
        xp.copyto(Y, xp.where(X * a > b, X, _softplus(xp, X * a) / a))
    elif act == 10:
        xp.minimum(xp.maximum(X, a), b, out=Y)
    elif act == 11:
        xp.copyto(Y, X * xp.tanh(_softplus(xp, X)))
    elif act == 12:
        xp.copyto(Y, X / (1 + xp.abs(X)))


def activation_backward(dY: Any, S: Any, act: int, a: float, b: float, dX: Any) -> None:
    """``dX[i] = dY[i] act'(X[i])``.

    At their corners the derivative of relu, leaky_relu and elu is that from the left, and that of
    hardtanh is 0.

    Parameters
    ----------
    dY : array of shape (n,)
        float32 or float64, C-contiguous.
    S : array of shape (n,)
        The output Y of `activation_forward` for relu, sigmoid and tanh, otherwise its input X.
    act, a, b
        As there.
    dX : array of shape (n,)
        Output. May be `dY`.
    """
    xp = namespace(dY)
    real = dY.dtype.type
    a, b = real(a), real(b)
    if act == 1:
        xp.copyto(dX, xp.where(S > 0, dY, real(0)))
    elif act == 10:
        cut = xp.less_equal(S, a) | xp.greater_equal(S, b)
        xp.copyto(dX, xp.where(cut, real(0), dY))
    else:
        xp.multiply(dY, _slope(xp, S, act, a, b), out=dX)


def _slope(xp: Any, S: Any, act: int, a: Any, b: Any) -> Any:
    """``act'`` where it is no mere choice between 0 and 1."""
    if act == 2:
        return S * (1 - S)
    if act == 3:
        return 1 - S * S
    if act == 4:
        return xp.where(S > 0, S.dtype.type(1), a)
    if act == 5:
        return xp.where(S > 0, S.dtype.type(1), a * xp.exp(xp.minimum(S, 0)))
    if act == 6:
        return _normal_cdf(S) + S * xp.exp(-0.5 * S * S) * (1 / math.sqrt(2 * math.pi))
    if act == 7:
        t = xp.tanh(_cubic(S))
        return 0.5 + 0.5 * t + 0.5 * S * (1 - t * t) * (_C + 3 * _C * 0.044715 * S * S)
    if act == 8:
        s = _sigmoid(xp, S)
        return s * (1 + S * (1 - s))
    if act == 9:
        return xp.where(S * a > b, S.dtype.type(1), _sigmoid(xp, S * a))
    if act == 11:
        t = xp.tanh(_softplus(xp, S))
        return t + S * (1 - t * t) * _sigmoid(xp, S)
    bottom = 1 + xp.abs(S)
    return 1 / (bottom * bottom)


_C = math.sqrt(2 / math.pi)


def _cubic(X: Any) -> Any:
    return X * (_C + _C * 0.044715 * X * X)


def _sigmoid(xp: Any, X: Any) -> Any:
    # Overflows nowhere, and keeps its digits where it is small.
    e = xp.exp(-xp.abs(X))
    return xp.where(X < 0, e, X.dtype.type(1)) / (1 + e)


def _softplus(xp: Any, X: Any) -> Any:
    return xp.maximum(X, 0) + xp.log1p(xp.exp(-xp.abs(X)))


def _normal_cdf(X: Any) -> Any:
    return 0.5 + 0.5 * erf(X * math.sqrt(0.5))
