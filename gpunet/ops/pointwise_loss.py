"""Losses that compare input and target element by element, and their mean or sum.

Each forward function takes ``reduction``: "none" for the loss of every element, "sum", "mean" (over
all elements) or, for `kl_div_forward`, "batchmean" (over the first axis). Input and target
broadcast.
"""

from __future__ import annotations

from typing import Any

from .arithmetic import quiet
from .broadcast import room, unbroadcast

__all__ = [
    "bce_backward",
    "bce_forward",
    "bce_with_logits_backward",
    "bce_with_logits_forward",
    "huber_backward",
    "huber_forward",
    "kl_div_backward",
    "kl_div_forward",
    "l1_loss_backward",
    "l1_loss_forward",
    "mse_loss_backward",
    "mse_loss_forward",
]


def divisor(reduction: str, shape: tuple[int, ...]) -> int:
    """What the sum over an array of `shape` is divided by."""
    if reduction == "batchmean":
        return shape[0]
    n = 1
    if reduction == "mean":
        for length in shape:
            n *= length
    return n


def reduced(L: Any, reduction: str) -> Any:
    """The losses of all elements, or their sum or mean."""
    if reduction == "none":
        return L
    total = L.sum()
    return total if reduction == "sum" else total / divisor(reduction, L.shape)


@quiet
def mse_loss_forward(be: Any, X: Any, T: Any, reduction: str = "mean") -> Any:
    """``L = (X - T)^2``."""
    D = be.xp.subtract(X, T, out=room(be, X, T))
    return reduced(be.xp.multiply(D, D, out=be.like(D)), reduction), (
        D,
        X.shape,
        T.shape,
        reduction,
    )


def mse_loss_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = 2 (X - T) dL`` and ``dT = -dX``."""
    D, x, t, reduction = saved
    return _both(be, D, dY * (2 / divisor(reduction, D.shape)), x, t, needs)


@quiet
def l1_loss_forward(be: Any, X: Any, T: Any, reduction: str = "mean") -> Any:
    """``L = |X - T|``."""
    D = be.xp.subtract(X, T, out=room(be, X, T))
    return reduced(be.xp.absolute(D, out=be.like(D)), reduction), (D, X.shape, T.shape, reduction)


def l1_loss_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = sign(X - T) dL`` and ``dT = -dX``."""
    D, x, t, reduction = saved
    sign = be.xp.sign(D, out=be.like(D))
    return _both(be, sign, dY / divisor(reduction, D.shape), x, t, needs)


@quiet
def huber_forward(
    be: Any, X: Any, T: Any, reduction: str = "mean", delta: float = 1.0, factor: float = 1.0
) -> Any:
    """With ``D = X - T``: ``L = factor D^2 / 2`` where ``|D| < delta``, and
    ``L = factor delta (|D| - delta / 2)`` beyond, where it goes on as a straight line.

    PyTorch's smooth L1 loss is this with ``factor = 1 / delta``.
    """
    xp = be.xp
    D = xp.subtract(X, T, out=room(be, X, T))
    # With the slope of L, D cut off at -delta and delta, both branches are slope (D - slope / 2).
    slope = xp.maximum(D, -delta, out=be.like(D))
    slope = xp.minimum(slope, delta, out=be.like(D))
    L = xp.multiply(slope, -0.5, out=be.like(D))
    L += D
    L *= slope
    Y = reduced(L, reduction)
    saved = (slope, X.shape, T.shape, reduction, factor)
    return (Y if factor == 1 else Y * factor), saved


def huber_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = factor clip(X - T, -delta, delta) dL`` and ``dT = -dX``."""
    slope, x, t, reduction, factor = saved
    return _both(be, slope, dY * (factor / divisor(reduction, slope.shape)), x, t, needs)


def _both(be: Any, slope: Any, g: Any, x: Any, t: Any, needs: Any) -> Any:
    """The gradients of a function of ``X - T``: ``slope g`` and ``-slope g``."""
    d = be.xp.multiply(slope, g, out=be.like(slope))
    dX = unbroadcast(d, x) if needs[0] else None
    dT = unbroadcast(-d, t) if needs[1] else None
    return dX, dT


@quiet
def bce_forward(be: Any, X: Any, T: Any, weight: Any, reduction: str = "mean") -> Any:
    """``L = -weight (T log X + (1 - T) log(1 - X))``, with both logarithms no less than -100."""
    xp = be.xp
    log_X = xp.maximum(xp.log(X), -100)
    log_1_X = xp.maximum(xp.log1p(-X), -100)
    L = (T - 1) * log_1_X - T * log_X
    if weight is not None:
        L *= weight
    return reduced(L, reduction), (X, T, weight, log_X, log_1_X, reduction)


def bce_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = weight dL (X - T) / (X (1 - X))``, ``dT = weight dL (log(1 - X) - log X)``."""
    X, T, weight, log_X, log_1_X, reduction = saved
    g = dY / divisor(reduction, X.shape)
    if weight is not None:
        g = g * weight
    dX = dT = None
    if needs[0]:
        # The denominator as PyTorch bounds it.
        dX = g * ((X - T) / be.xp.maximum((1 - X) * X, 1e-12))
    if needs[1]:
        dT = g * (log_1_X - log_X)
    return dX, dT, None


@quiet
def bce_with_logits_forward(
    be: Any, X: Any, T: Any, weight: Any, pos_weight: Any, reduction: str = "mean"
) -> Any:
    """With ``P = sigmoid(X)``: ``L = -weight (pos_weight T log P + (1 - T) log(1 - P))``.

    Computed as ``(1 - T) X + (1 + (pos_weight - 1) T) (log(1 + e^-|X|) + max(-X, 0))``, which
    neither overflows nor loses digits.
    """
    xp = be.xp
    # -log P; an array also where X has no axes.
    S = xp.asarray(xp.absolute(X, out=be.like(X)))
    xp.negative(S, out=S)
    xp.exp(S, out=S)
    xp.log1p(S, out=S)
    S -= xp.minimum(X, 0)
    L = S if pos_weight is None else S * (1 + (pos_weight - 1) * T)
    L = L + (1 - T) * X
    if weight is not None:
        L *= weight
    return reduced(L, reduction), (X, T, weight, pos_weight, S, reduction)


def bce_with_logits_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = weight dL (P (1 + (pos_weight - 1) T) - pos_weight T)`` and
    ``dT = -weight dL (X - (pos_weight - 1) (-log P))``.
    """
    X, T, weight, pos_weight, S, reduction = saved
    xp = be.xp
    g = dY / divisor(reduction, X.shape)
    if weight is not None:
        g = g * weight
    dX = dT = None
    if needs[0]:
        dX = xp.asarray(xp.negative(S, out=be.like(S)))
        xp.exp(dX, out=dX)
        if pos_weight is None:
            dX -= T
        else:
            dX *= 1 + (pos_weight - 1) * T
            dX -= pos_weight * T
        dX *= g
    if needs[1]:
        dT = -X if pos_weight is None else (pos_weight - 1) * S - X
        dT *= g
    return dX, dT, None, None


@quiet
def kl_div_forward(
    be: Any, X: Any, T: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    """``L = T (log T - X)`` with 0 for ``T = 0``; with `log_target` ``L = e^T (T - X)``."""
    xp = be.xp
    if log_target:
        P = xp.exp(T)
        L = P * (T - X)
    else:
        P = T
        # 0 log 0 = 0.
        L = T * xp.log(xp.where(T == 0, T.dtype.type(1), T)) - T * X
    return reduced(L, reduction), (X, T, P, L.shape, reduction, log_target)


def kl_div_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = -T dL``, ``dT = (log T + 1 - X) dL``; with `log_target` ``dX = -e^T dL``,
    ``dT = e^T (T + 1 - X) dL``.
    """
    X, T, P, shape, reduction, log_target = saved
    g = dY / divisor(reduction, shape)
    dX = dT = None
    if needs[0]:
        dX = unbroadcast(be.xp.broadcast_to(-P * g, shape), X.shape)
    if needs[1]:
        slope = P * (T + 1 - X) if log_target else be.xp.log(T) + 1 - X
        dT = unbroadcast(slope * g, T.shape)
    return dX, dT
