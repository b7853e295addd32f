"""Functions of one array, element by element.

Most are a row of `DERIVATIVES`: the function, what its backward pass keeps (the input X or the
output Y, whichever the derivative is simpler in), and the derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .arithmetic import quiet, times
from .broadcast import chosen, room, unbroadcast

__all__ = [
    "DERIVATIVES",
    "clamp_backward",
    "clamp_forward",
    "nan_to_num_backward",
    "nan_to_num_forward",
    "unary",
]


def _zero(xp: Any, X: Any) -> Any:
    return X.dtype.type(0)  # piecewise constant


#: By NumPy's name of the function: what is kept, and the derivative of it.
DERIVATIVES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "exp": ("Y", lambda xp, Y: Y),
    "exp2": ("Y", lambda xp, Y: Y * math.log(2)),
    "expm1": ("Y", lambda xp, Y: Y + 1),
    "log": ("X", lambda xp, X: 1 / X),
    "log2": ("X", lambda xp, X: 1 / (X * math.log(2))),
    "log10": ("X", lambda xp, X: 1 / (X * math.log(10))),
    "log1p": ("X", lambda xp, X: 1 / (1 + X)),
    "square": ("X", lambda xp, X: 2 * X),
    "sqrt": ("Y", lambda xp, Y: 0.5 / Y),
    "reciprocal": ("Y", lambda xp, Y: -Y * Y),
    "sin": ("X", lambda xp, X: xp.cos(X)),
    "cos": ("X", lambda xp, X: -xp.sin(X)),
    "tan": ("Y", lambda xp, Y: 1 + Y * Y),
    "arcsin": ("X", lambda xp, X: 1 / xp.sqrt(1 - X * X)),
    "arccos": ("X", lambda xp, X: -1 / xp.sqrt(1 - X * X)),
    "arctan": ("X", lambda xp, X: 1 / (1 + X * X)),
    "arcsinh": ("X", lambda xp, X: 1 / xp.sqrt(X * X + 1)),
    "arccosh": ("X", lambda xp, X: 1 / xp.sqrt(X * X - 1)),
    "arctanh": ("X", lambda xp, X: 1 / (1 - X * X)),
    "sinh": ("X", lambda xp, X: xp.cosh(X)),
    "cosh": ("X", lambda xp, X: xp.sinh(X)),
    "negative": ("Y", lambda xp, Y: -1),
    "absolute": ("X", lambda xp, X: xp.sign(X)),
    "sign": ("X", _zero),
    "floor": ("X", _zero),
    "ceil": ("X", _zero),
    "trunc": ("X", _zero),
    "rsqrt": ("Y", lambda xp, Y: -0.5 * Y * Y * Y),
    "erf": ("X", lambda xp, X: xp.exp(-X * X) * (2 / math.sqrt(math.pi))),
    "round": ("X", _zero),
}


def _rsqrt(be: Any, X: Any, out: Any) -> Any:
    return be.xp.reciprocal(be.xp.sqrt(X, out=out), out=out)


def _erf(be: Any, X: Any, out: Any) -> Any:
    if X.dtype == "float16":  # which SciPy does not know
        return be.erf(X.astype("float32")).astype(X.dtype)
    return be.erf(X, out)


def _round(be: Any, X: Any, out: Any, decimals: int = 0) -> Any:
    return be.xp.round(X, decimals)


#: What NumPy does not have under that name.
_FORMULAS = {"rsqrt": _rsqrt, "erf": _erf, "round": _round}


def unary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward function of a row of `DERIVATIVES`."""
    kept, derivative = DERIVATIVES[name]
    formula = _FORMULAS.get(name)

    @quiet
    def forward(be: Any, X: Any, **options: Any) -> Any:
        out = be.like(X)
        Y = formula(be, X, out, **options) if formula else getattr(be.xp, name)(X, out=out)
        return Y, (X if kept == "X" else Y,)

    def backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
        return (times(be, dY, derivative(be.xp, saved[0])),)

    forward.__doc__ = f"``Y = {name}(X)``."
    backward.__doc__ = f"``dX = dY {name}'``, from {kept}."
    return forward, backward


def clamp_forward(be: Any, X: Any, low: Any, high: Any) -> Any:
    """``Y = min(max(X, low), high)``, each bound an array, a number, or None for no bound."""
    xp = be.xp
    Y = X
    if low is not None:
        Y = xp.maximum(Y, low, out=room(be, Y, low))
    if high is not None:
        Y = xp.minimum(Y, high, out=room(be, Y, high))
    return Y, (X, low, high)


def clamp_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` goes to X within the bounds and on them, elsewhere to the bound; high wins."""
    X, low, high = saved
    zero = dY.dtype.type(0)
    where = be.xp.where
    under = (low > X) if low is not None else False
    over = (high < X) if high is not None else False
    dX = dlow = dhigh = None
    if needs[0]:
        dX = unbroadcast(chosen(be, under | over, zero, dY), X.shape)
    if needs[1]:
        hit = under if high is None else under & (low <= high)
        dlow = unbroadcast(where(hit, dY, zero), low.shape)
    if needs[2]:
        hit = over if low is None else over | (low > high)
        dhigh = unbroadcast(where(hit, dY, zero), high.shape)
    return dX, dlow, dhigh


def nan_to_num_forward(be: Any, X: Any, nan: float, posinf: Any, neginf: Any) -> Any:
    """`X` with numbers in place of NaN and the infinities."""
    return be.xp.nan_to_num(X, nan=nan, posinf=posinf, neginf=neginf), (X,)


def nan_to_num_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` where X was finite, otherwise 0."""
    return (dY * be.xp.isfinite(saved[0]),)
