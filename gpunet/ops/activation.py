"""Activations, element by element; the formulas stand in ``kernels/reference/activation.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernels.reference.activation import ACTIVATIONS

__all__ = ["activation"]

#: Activations whose derivative follows from their output; the others keep their input.
_FROM_OUTPUT = ("relu", "sigmoid", "tanh")


def activation(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward function of the activation `name`.

    The forward function takes the activation's parameters as options `a` and `b`. Its output has
    the memory order of its input, so that channels-last stays channels-last.
    """
    act = ACTIVATIONS.index(name)
    keeps_output = name in _FROM_OUTPUT

    def forward(be: Any, X: Any, a: float = 0.0, b: float = 0.0) -> Any:
        if X.dtype.char not in "fd":
            return _converted(be, X, a, b)
        Y = be.like(X)
        if Y is None:
            Y = be.xp.empty_like(X)
        be.kernels.activation_forward(_flat(be, X, Y), act, a, b, _flat(be, Y, Y))
        return Y, (Y if keeps_output else X, a, b)

    def _converted(be: Any, X: Any, a: float, b: float) -> Any:
        if name == "relu" and X.dtype.kind in "iu":
            return be.xp.maximum(X, 0), (X, a, b)
        # Half precision and the like, through float32 and back.
        Y, saved = forward(be, X.astype("float32"), a, b)
        return Y.astype(X.dtype), saved

    def backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
        S, a, b = saved
        if dY.dtype != S.dtype:
            return (backward(be, dY.astype(S.dtype), saved, needs)[0].astype(dY.dtype),)
        dX = be.like(S)
        if dX is None:
            dX = be.xp.empty_like(S)
        be.kernels.activation_backward(
            _flat(be, dY, dX), _flat(be, S, dX), act, a, b, _flat(be, dX, dX)
        )
        return (dX,)

    forward.__name__ = f"{name}_forward"
    forward.__doc__ = f"``Y = {name}(X)``."
    backward.__name__ = f"{name}_backward"
    backward.__doc__ = f"``dX = dY {name}'(X)``."
    return forward, backward


def _flat(be: Any, X: Any, order: Any) -> Any:
    """`X` as one axis, in the memory order of the gapless array `order` of the same shape.

    A view where X has that order itself, otherwise a copy.
    """
    if order.flags.c_contiguous:
        return be.contiguous(X.reshape(-1))
    strides = order.strides
    axes = sorted(range(order.ndim), key=lambda i: -strides[i])
    return be.contiguous(X.transpose(axes)).reshape(-1)
