"""Sum, difference, product and quotient of two arrays that broadcast, or of an array and a number."""

from __future__ import annotations

from typing import Any

from .broadcast import unbroadcast

__all__ = ["add_backward", "add_forward", "mul_backward", "mul_forward"]


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array; a number has none."""
    return getattr(x, "shape", ())


def add_forward(be: Any, a: Any, b: Any) -> Any:
    """``a + b``."""
    return be.xp.add(a, b), (shape_of(a), shape_of(b))


def add_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY``, ``db = dY``."""
    return tuple(
        unbroadcast(dY, shape) if need else None for shape, need in zip(saved, needs)
    )


def mul_forward(be: Any, a: Any, b: Any) -> Any:
    """``a b``."""
    return be.xp.multiply(a, b), (a, b)


def mul_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``da = dY b``, ``db = dY a``."""
    a, b = saved
    da = unbroadcast(dY * b, a.shape) if needs[0] else None
    db = unbroadcast(dY * a, b.shape) if needs[1] else None
    return da, db
