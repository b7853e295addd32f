"""Indexing: parts of an array, and arrays with parts replaced.

An index comes in two steps, as PyTorch takes it: `basic`, a tuple of integers, slices, None and
Ellipsis, gives a view; `advanced`, an integer array or ``slice(None)`` for each of the leading axes
of that view, picks elements of it. Either may be None.

The gradient of picking is putting: zeros with ``dY`` in the places that were read, summed where a
place was read more than once.
"""

from __future__ import annotations

import math
from typing import Any

from .broadcast import chosen, unbroadcast
from .memory_order import ordered_like

__all__ = [
    "copied",
    "getitem_backward",
    "getitem_forward",
    "masked_fill_backward",
    "masked_fill_forward",
    "masked_fill_into",
    "setitem_backward",
    "setitem_forward",
    "setitem_into",
    "summed",
    "where_backward",
    "where_forward",
]


def getitem_forward(be: Any, X: Any, basic: Any, advanced: Any, unique: bool = False) -> Any:
    """``Y = X[basic][advanced]``: a view, unless there are `advanced` indices.

    `unique` says that no place is named twice (the indices come from a mask).
    """
    Y = X if basic is None else X[basic]
    if advanced is not None:
        Y = Y[advanced]
    return Y, (X.shape, X.dtype, basic, advanced, unique)


def getitem_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[basic][advanced] += dY``, from zeros."""
    shape, dtype, basic, advanced, unique = saved
    if basic is None and not unique:
        return (summed(be, dY, shape, dtype, advanced),)
    # The part of an image has its memory order.
    dX = ordered_like(be, dY, shape, dtype) if dY.ndim == len(shape) else be.empty(shape, dtype)
    dX.fill(0)
    part = dX if basic is None else dX[basic]
    if advanced is None:
        part[...] = dY
    elif unique:
        part[advanced] = dY
    else:
        part[...] = summed(be, dY, part.shape, dtype, advanced)
    return (dX,)


def summed(be: Any, dY: Any, shape: tuple[int, ...], dtype: Any, index: tuple[Any, ...]) -> Any:
    """The array of `shape` that is zero but for ``dX[index] += dY``, added in a fixed order.

    This is the gradient of a lookup in a table: the indexed axes together are its V rows, the
    others its D columns.
    """
    if dY.dtype.char not in "fd" or not dY.size:
        dX = be.zeros(shape, dtype)
        be.xp.add.at(dX, index, dY)
        return dX
    axes = [i for i, item in enumerate(index) if type(item) is not slice]
    others = [i for i in range(len(shape)) if i not in axes]
    # The number of the row: the indices as digits, with the lengths of their axes as bases.
    rows: Any = None
    for i in axes:
        digit = be.xp.where(index[i] < 0, index[i] + shape[i], index[i])
        rows = digit if rows is None else rows * shape[i] + digit
    count = rows.ndim
    rows = be.contiguous(rows.reshape(-1).astype("int64", copy=False))
    first = axes[0] if axes[-1] - axes[0] < len(axes) else 0
    if first:  # dY has the axes of the index where those of X stood, unless they stood apart
        to_front = (*range(first, first + count), *range(first), *range(first + count, dY.ndim))
        dY = dY.transpose(to_front)
    table_shape = [shape[i] for i in (*axes, *others)]
    V, D = math.prod(table_shape[: len(axes)]), math.prod(table_shape[len(axes) :])
    table = be.empty((V, D), dtype)
    be.kernels.embedding_backward(be.contiguous(dY).reshape(rows.size, D), rows, table)
    dX = table.reshape(table_shape)
    order = [*axes, *others]
    return dX if axes[-1] < len(axes) else dX.transpose([order.index(i) for i in range(len(order))])


def setitem_into(be: Any, X: Any, V: Any, basic: Any, advanced: Any) -> None:
    """``X[basic][advanced] = V``, in place."""
    part = X if basic is None else X[basic]
    part[... if advanced is None else advanced] = V


def setitem_forward(be: Any, X: Any, V: Any, basic: Any, advanced: Any) -> Any:
    """A copy of `X` with ``X[basic][advanced] = V``; `V` is a number, or broadcasts."""
    Y = copied(be, X)
    setitem_into(be, Y, V, basic, advanced)
    return Y, (
        V if V is None else getattr(V, "shape", ()),
        getattr(V, "dtype", None),
        basic,
        advanced,
    )


def setitem_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` with zeros in the places of `V`; ``dV`` is ``dY`` in these places."""
    shape, dtype, basic, advanced = saved
    dX = dV = None
    if needs[0]:
        dX = copied(be, dY)
        setitem_into(be, dX, 0, basic, advanced)
    if needs[1]:
        part = dY if basic is None else dY[basic]
        if advanced is not None:
            part = part[advanced]
        extra = len(shape) - part.ndim  # V may have more leading axes of length 1
        dV = unbroadcast(part, shape[max(extra, 0) :]).reshape(shape).astype(dtype, copy=False)
    return dX, dV


def copied(be: Any, X: Any) -> Any:
    Y = be.empty(X.shape, X.dtype)
    Y[...] = X
    return Y


def where_forward(be: Any, C: Any, A: Any, B: Any) -> Any:
    """``Y = A`` where `C` is true, else `B`; all broadcast. `A` and `B` are of one dtype."""
    return chosen(be, C, A, B), (C, A.shape, B.shape)


def where_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dA = dY`` where `C` is true, ``dB = dY`` elsewhere, 0 in the other places."""
    C, a, b = saved
    zero = dY.dtype.type(0)
    dA = unbroadcast(chosen(be, C, dY, zero), a) if needs[1] else None
    dB = unbroadcast(chosen(be, C, zero, dY), b) if needs[2] else None
    return None, dA, dB


def masked_fill_into(be: Any, X: Any, value: Any, mask: Any) -> None:
    """``X = value`` where `mask` is true, in place."""
    if not hasattr(value, "shape"):
        value = X.dtype.type(value)
    be.xp.copyto(X, value, where=mask, casting="unsafe")


def masked_fill_forward(be: Any, X: Any, value: Any, mask: Any) -> Any:
    """`X` with `value`, a number or an array of no axes, where `mask` is true."""
    if hasattr(value, "shape"):
        filled = chosen(be, mask, value.astype(X.dtype, copy=False), X)
        return filled, (mask, X.shape, value.dtype)
    return chosen(be, mask, X.dtype.type(value), X), (mask, X.shape, None)


def masked_fill_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` where `mask` is false, ``dvalue`` is the sum of the rest."""
    mask, shape, dtype = saved
    zero = dY.dtype.type(0)
    dX = unbroadcast(chosen(be, mask, zero, dY), shape) if needs[0] else None
    dvalue = None
    if needs[1]:
        dvalue = be.xp.where(mask, dY, zero).sum().reshape(()).astype(dtype, copy=False)
    return dX, dvalue
