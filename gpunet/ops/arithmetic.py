"""Sum, difference, product, quotient, power and remainder, element by element.

The operands are two arrays of one dtype that broadcast, or an array and a number on either side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .broadcast import broadcast_shape, room, shape_of, unbroadcast

__all__ = [
    "add_backward",
    "add_forward",
    "atan2_backward",
    "atan2_forward",
    "div_backward",
    "div_forward",
    "fmod_backward",
    "fmod_forward",
    "logaddexp_backward",
    "logaddexp_forward",
    "maximum_backward",
    "maximum_forward",
    "minimum_backward",
    "minimum_forward",
    "mul_backward",
    "mul_forward",
    "pow_backward",
    "pow_forward",
    "remainder_backward",
    "remainder_forward",
    "sub_backward",
    "sub_forward",
]

#: Where infinity and NaN are results like any other, as IEEE 754 has them: no warning of NumPy's.
quiet = np.errstate(all="ignore")


def times(be: Any, dY: Any, factor: Any) -> Any:
    """``dY factor``, in memory from the pool."""
    return be.xp.multiply(dY, factor, out=room(be, dY, factor))


def add_forward(be: Any, a: Any, b: Any) -> Any:
    """``a + b``."""
    try:
        shapes = a.shape, b.shape
    except AttributeError:  # a number
        shapes = shape_of(a), shape_of(b)
    return be.xp.add(a, b, out=room(be, a, b)), shapes


def add_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY``, ``db = dY``."""
    a, b = saved
    return (unbroadcast(dY, a) if needs[0] else None, unbroadcast(dY, b) if needs[1] else None)


def sub_forward(be: Any, a: Any, b: Any) -> Any:
    """``a - b``."""
    try:
        shapes = a.shape, b.shape
    except AttributeError:  # a number
        shapes = shape_of(a), shape_of(b)
    return be.xp.subtract(a, b, out=room(be, a, b)), shapes


def sub_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY``, ``db = -dY``."""
    a, b = saved
    da = unbroadcast(dY, a) if needs[0] else None
    db = be.xp.negative(unbroadcast(dY, b)) if needs[1] else None
    return da, db


def mul_forward(be: Any, a: Any, b: Any) -> Any:
    """``a b``."""
    return be.xp.multiply(a, b, out=room(be, a, b)), (a, b)


def mul_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY b``, ``db = dY a``."""
    a, b = saved
    da = unbroadcast(times(be, dY, b), a.shape) if needs[0] else None
    db = unbroadcast(times(be, dY, a), b.shape) if needs[1] else None
    return da, db


@quiet
def div_forward(be: Any, a: Any, b: Any) -> Any:
    """``a / b``."""
    return be.xp.divide(a, b, out=room(be, a, b)), (a, b)


def div_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY / b``, ``db = -dY a / b^2``."""
    a, b = saved
    quotient = be.xp.divide(dY, b, out=room(be, dY, b))
    da = unbroadcast(quotient, a.shape) if needs[0] else None
    db = None
    if needs[1]:
        db = unbroadcast(be.xp.negative(times(be, quotient, be.xp.divide(a, b))), b.shape)
    return da, db


@quiet
def pow_forward(be: Any, a: Any, b: Any) -> Any:
    """``a^b``."""
    broadcast_shape(shape_of(a), shape_of(b))
    return power(be, a, b), (a, b)


def pow_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY b a^(b-1)``, ``db = dY a^b ln a``.

    Where b = 0 the result is 1 whatever a is, so ``da`` is 0 there, also for a = 0; where a = 0
    and b >= 0, ``db`` is 0.
    """
    a, b = saved
    xp = be.xp
    da = db = None
    if needs[0]:
        if hasattr(b, "shape"):
            slope = xp.where(b == 0, dY.dtype.type(0), b * power(be, a, b - 1))
        else:
            slope = _scaled(be, b, a if b == 2 else power(be, a, b - 1)) if b else xp.zeros_like(a)
        da = unbroadcast(times(be, dY, slope), a.shape)
    if needs[1]:
        slope = _slope_of_exponent(xp, a, b, dY.dtype)
        db = unbroadcast(times(be, dY, slope), b.shape)
    return da, db


def _scaled(be: Any, factor: Any, X: Any) -> Any:
    """``factor X``, in memory from the pool."""
    return be.xp.multiply(X, factor, out=be.like(X))


def _slope_of_exponent(xp: Any, a: Any, b: Any, dtype: Any) -> Any:
    """``a^b ln a``; a number `a` goes to no array, which would be a copy from the host."""
    if hasattr(a, "shape"):
        base = a.astype(dtype, copy=False)
        return xp.where((base == 0) & (b >= 0), dtype.type(0), xp.power(base, b) * xp.log(base))
    base = dtype.type(a)
    slope = xp.power(base, b) * np.log(base)
    return slope if base else xp.where(b >= 0, dtype.type(0), slope)


def power(be: Any, a: Any, b: Any) -> Any:
    """``a^b``, by products and roots where they do: a general power is ten times slower."""
    xp = be.xp
    if not hasattr(b, "shape"):
        if b == 2:
            return xp.square(a, out=be.like(a))
        if b == 1:
            return a.copy()
        if b == 3:
            return times(be, xp.square(a, out=be.like(a)), a)
        if a.dtype.kind == "f":
            if b == 0.5:
                return xp.sqrt(a, out=be.like(a))
            if b == -1:
                return xp.reciprocal(a, out=be.like(a))
    return xp.power(a, b)


@quiet
def remainder_forward(be: Any, a: Any, b: Any) -> Any:
    """``a - floor(a / b) b``: of the sign of b."""
    return be.xp.remainder(a, b, out=room(be, a, b)), (a, b)


def remainder_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY``, ``db = -dY floor(a / b)``."""
    return _remainder_backward(be, dY, saved, needs, be.xp.floor)


@quiet
def fmod_forward(be: Any, a: Any, b: Any) -> Any:
    """``a - trunc(a / b) b``: of the sign of a."""
    return be.xp.fmod(a, b, out=room(be, a, b)), (a, b)


def fmod_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY``, ``db = -dY trunc(a / b)``."""
    return _remainder_backward(be, dY, saved, needs, be.xp.trunc)


def _remainder_backward(be: Any, dY: Any, saved: Any, needs: Any, rounded: Any) -> Any:
    a, b = saved
    da = unbroadcast(dY, a.shape) if needs[0] else None
    db = unbroadcast(-dY * rounded(be.xp.divide(a, b)), b.shape) if needs[1] else None
    return da, db


def maximum_forward(be: Any, a: Any, b: Any) -> Any:
    """``max(a, b)``; NaN where either is."""
    return be.xp.maximum(a, b, out=room(be, a, b)), (a, b)


def maximum_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` to the larger; half of it to each where they are equal."""
    a, b = saved
    return _chosen_backward(be, dY, saved, needs, be.xp.greater(a, b))


def minimum_forward(be: Any, a: Any, b: Any) -> Any:
    """``min(a, b)``; NaN where either is."""
    return be.xp.minimum(a, b, out=room(be, a, b)), (a, b)


def minimum_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` to the smaller; half of it to each where they are equal."""
    a, b = saved
    return _chosen_backward(be, dY, saved, needs, be.xp.less(a, b))


def _chosen_backward(be: Any, dY: Any, saved: Any, needs: Any, first: Any) -> Any:
    """`first` says where the result is the first operand, and no tie."""
    a, b = saved
    xp = be.xp
    share = (xp.equal(a, b) * 0.5 + first).astype(dY.dtype)  # of a: 1, 1/2 or 0
    da = unbroadcast(times(be, dY, share), a.shape) if needs[0] else None
    db = unbroadcast(times(be, dY, 1 - share), b.shape) if needs[1] else None
    return da, db


def atan2_forward(be: Any, a: Any, b: Any) -> Any:
    """The angle of the point (b, a), from -pi to pi."""
    return be.xp.arctan2(a, b, out=room(be, a, b)), (a, b)


def atan2_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY b / (a^2 + b^2)``, ``db = -dY a / (a^2 + b^2)``."""
    a, b = saved
    scaled = be.xp.divide(dY, be.xp.square(a) + be.xp.square(b))
    da = unbroadcast(scaled * b, a.shape) if needs[0] else None
    db = unbroadcast(-scaled * a, b.shape) if needs[1] else None
    return da, db


@quiet
def logaddexp_forward(be: Any, a: Any, b: Any) -> Any:
    """``log(e^a + e^b)``, without overflow."""
    Y = be.xp.logaddexp(a, b, out=room(be, a, b))
    return Y, (a, b, Y)


def logaddexp_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY e^(a - Y)``, ``db = dY e^(b - Y)``."""
    a, b, Y = saved
    return tuple(
        unbroadcast(dY * be.xp.exp(x - Y), x.shape) if need else None
        for x, need in zip((a, b), needs)
    )
