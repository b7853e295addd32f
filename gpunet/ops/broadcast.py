"""Operands of different shapes: memory for their result, and the gradient of what was repeated."""

from __future__ import annotations

from typing import Any

__all__ = ["broadcast_shape", "chosen", "room", "shape_of", "unbroadcast"]


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array; a number has none."""
    return getattr(x, "shape", ())


def room(be: Any, a: Any, b: Any) -> Any:
    """An ``out`` for the result of an elementwise operation on `a` and `b`, as `Backend.like`.

    None, which lets the array function allocate, also where neither has the result's shape.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast.
    """
    try:
        shape, other = a.shape, b.shape
    except AttributeError:
        return be.like(a if hasattr(a, "shape") else b)
    if shape == other or other == ():
        return be.like(a)
    if shape == () or other[-len(shape) :] == shape:
        return be.like(b)
    if shape[-len(other) :] == other:
        return be.like(a)
    return be.like(a) if broadcast_shape(shape, other) == shape else None


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which `a` and `b` broadcast.

    Raises
    ------
    RuntimeError
        If they do not.
    """
    ndim = max(len(a), len(b))
    result = []
    for i, (m, n) in enumerate(zip((1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b)):
        if m != n and m != 1 and n != 1:
            raise RuntimeError(
                f"shapes {a} and {b} do not broadcast: the size {m} of the first must match the "
                f"size {n} of the second in dimension {i}"
            )
        result.append(n if m == 1 else m)
    return tuple(result)


def chosen(be: Any, C: Any, A: Any, B: Any) -> Any:
    """`A` where `C` is true, else `B`, in the memory order of the one that has C's shape."""
    for X in (A, B):
        if getattr(X, "shape", None) == C.shape:
            Y = be.like(X)
            if Y is not None:
                be.xp.copyto(Y, B)
                be.xp.copyto(Y, A, where=C)
                return Y
    return be.xp.where(C, A, B)


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
