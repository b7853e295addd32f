"""Operands of different shapes: memory for their result, and the gradient of what was repeated."""

from __future__ import annotations

from typing import Any

__all__ = ["room", "shape_of", "unbroadcast"]


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array; a number has none."""
    return getattr(x, "shape", ())


def room(be: Any, a: Any, b: Any) -> Any:
    """An ``out`` for the result of an elementwise operation on `a` and `b`, as `Backend.like`.

    None, which lets the array function allocate, also where neither has the result's shape.
    """
    shape, other = shape_of(a), shape_of(b)
    if shape == other or other == ():
        return be.like(a)
    if shape == ():
        return be.like(b)
    longer, shorter = (a, other) if a.size >= b.size else (b, shape)
    out = be.like(longer)
    if out is None or len(shorter) > longer.ndim:
        return None
    fits = all(n in (1, m) for n, m in zip(reversed(shorter), reversed(longer.shape)))
    return out if fits else None


def unbroadcast(dY: Any, shape: tuple[int, ...]) -> Any:
    """Sum `dY` over the axes along which an array of `shape` was repeated to `dY`'s shape.

    Parameters
    ----------
    dY : array
    shape : tuple of int
        A shape that broadcasts to ``dY.shape``.

    Returns
    -------
    array of `shape`
        `dY` itself where nothing was repeated.
    """
    if dY.shape == shape:
        return dY
    extra = dY.ndim - len(shape)
    axes = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1))
    return dY.sum(axis=axes, keepdims=True).reshape(shape)
