"""Losses that compare input and target element by element, and their mean or sum.

Each forward function takes ``reduction``: "none" for the loss of every element, "sum", "mean" (over
all elements) or, for `kl_div_forward`, "batchmean" (over the first axis). Input and target
broadcast.
"""

from __future__ import annotations

from typing import Any

from .arithmetic import quiet
from .broadcast import unbroadcast
from .channels import channels_last

__all__ = [
    "bce_backward",
    "bce_forward",
    "bce_with_logits_backward",
    "bce_with_logits_forward",
    "kl_div_backward",
    "kl_div_forward",
    "pointwise_backward",
    "pointwise_forward",
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


#: Losses of one kernel, with the code that it knows them by.
KINDS = {"squared": 0, "absolute": 1, "huber": 2, "logits": 3}


def pointwise_forward(
    be: Any,
    X: Any,
    T: Any,
    kind: str,
    reduction: str = "mean",
    delta: float = 1.0,
    factor: float = 1.0,
) -> Any:
    """``L = factor loss(X, T)`` for a `kind` of loss, with ``D = X - T``::

        squared    D^2
        absolute   |D|
        huber      D^2 / 2 where |D| < delta, otherwise delta (|D| - delta / 2)
        logits     log(1 + e^X) - T X = -T log P - (1 - T) log(1 - P) with P = sigmoid(X)

    PyTorch's smooth L1 loss is `huber` with ``factor = 1 / delta``.
    """
    x, t, last = _flat(be, X, T)
    scale = factor / divisor(reduction, x.shape)
    code = KINDS[kind]
    saved = (x, t, X.shape, T.shape, last, code, delta, scale)
    if reduction != "none":
        total = be.empty((), x.dtype)
        be.kernels.pointwise_loss_forward(
            x.reshape(-1), t.reshape(-1), code, delta, scale, None, total
        )
        return total, saved
    L = be.empty(x.shape, x.dtype)
    be.kernels.pointwise_loss_forward(
        x.reshape(-1), t.reshape(-1), code, delta, scale, L.reshape(-1), None
    )
    return be.xp.moveaxis(L, -1, 1) if last else L, saved


def pointwise_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is 2 D, sign(D), D cut off at -delta and delta, or ``sigmoid(X) - T``, times
    ``factor dL``; and ``dT = -dX``, for `logits` ``dT = -X factor dL``.
    """
    x, t, x_shape, t_shape, last, code, delta, scale = saved
    xp = be.xp
    if last and dY.ndim:
        dY = xp.moveaxis(dY, 1, -1)
    dX = dT = None
    if needs[0] or code != KINDS["logits"]:
        dX = be.empty(x.shape, x.dtype)
        be.kernels.pointwise_loss_backward(
            x.reshape(-1), t.reshape(-1), code, delta, scale,
            be.contiguous(dY).reshape(-1), dX.reshape(-1),
        )  # fmt: skip
    if needs[1]:
        dT = xp.multiply(x, dY * -scale) if dX is None or code == KINDS["logits"] else -dX
        dT = unbroadcast(xp.moveaxis(dT, -1, 1) if last else dT, t_shape)
    if needs[0]:
        dX = unbroadcast(xp.moveaxis(dX, -1, 1) if last else dX, x_shape)
    return dX if needs[0] else None, dT


def _flat(be: Any, X: Any, T: Any) -> tuple[Any, Any, bool]:
    """Both as C-contiguous arrays of one shape, and whether axis 1 now stands last, as it does in
    the memory of channels-last images.
    """
    if X.shape != T.shape:
        X, T = be.xp.broadcast_arrays(X, T)
    if X.ndim > 2 and not X.flags.c_contiguous:
        return channels_last(be, X), channels_last(be, T), True
    return be.contiguous(X), be.contiguous(T), False


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
    """The loss "logits" of `pointwise_forward` with weights.

    With ``P = sigmoid(X)``: ``L = -weight (pos_weight T log P + (1 - T) log(1 - P))``.

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
