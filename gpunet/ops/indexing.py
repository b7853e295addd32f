"""Indexing: parts of an array, and arrays with parts replaced.

An index comes in two steps, as PyTorch takes it: `basic`, a tuple of integers, slices, None and
Ellipsis, gives a view; `advanced`, integer arrays or None for each of the view's leading axes, picks
elements of that view. Either may be None.

The gradient of picking is putting: zeros with ``dY`` in the places that were read, summed where a
place was read more than once.
"""

from __future__ import annotations

from typing import Any

from .broadcast import unbroadcast

__all__ = [
    "accumulate",
    "along",
    "gather_backward",
    "gather_forward",
    "getitem_backward",
    "getitem_forward",
    "index_add_backward",
    "index_add_forward",
    "index_add_into",
    "masked_fill_backward",
    "masked_fill_forward",
    "masked_fill_into",
    "scatter_add_backward",
    "scatter_add_forward",
    "scatter_add_into",
    "scatter_backward",
    "scatter_forward",
    "scatter_into",
    "setitem_backward",
    "setitem_forward",
    "setitem_into",
    "where_backward",
    "where_forward",
]


def accumulate(be: Any, target: Any, index: Any, values: Any) -> None:
    """``target[index] += values``, adding again for each repetition of an index."""
    if target.dtype.kind == "i" and target.dtype.itemsize == 8:
        # The GPU's atomic addition knows no signed 64-bit integers; the bits are the same.
        target, values = target.view("uint64"), values.astype("int64").view("uint64")
    be.xp.add.at(target, index, values)


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
    dX = be.zeros(shape, dtype)
    part = dX if basic is None else dX[basic]
    if advanced is None:
        part[...] = dY
    elif unique:
        part[advanced] = dY
    else:
        accumulate(be, part, advanced, dY)
    return (dX,)


def setitem_into(be: Any, X: Any, V: Any, basic: Any, advanced: Any) -> None:
    """``X[basic][advanced] = V``, in place."""
    part = X if basic is None else X[basic]
    part[... if advanced is None else advanced] = V


def setitem_forward(be: Any, X: Any, V: Any, basic: Any, advanced: Any) -> Any:
    """A copy of `X` with ``X[basic][advanced] = V``; `V` is an array that broadcasts, or a number."""
    Y = _copy(be, X)
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
        dX = _copy(be, dY)
        setitem_into(be, dX, 0, basic, advanced)
    if needs[1]:
        part = dY if basic is None else dY[basic]
        if advanced is not None:
            part = part[advanced]
        extra = len(shape) - part.ndim  # V may have more leading axes of length 1
        dV = unbroadcast(part, shape[max(extra, 0) :]).reshape(shape).astype(dtype, copy=False)
    return dX, dV


def _copy(be: Any, X: Any) -> Any:
    Y = be.empty(X.shape, X.dtype)
    Y[...] = X
    return Y


def along(be: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """The index arrays that name ``X[i_0, ..., index[i_0, ...], ...]`` with `index` at axis `dim`."""
    grid = []
    for axis, n in enumerate(index.shape):
        if axis == dim:
            grid.append(index)
        else:
            shape = (1,) * axis + (n,) + (1,) * (index.ndim - 1 - axis)
            grid.append(be.xp.arange(n).reshape(shape))
    return tuple(grid)


def gather_forward(be: Any, X: Any, dim: int, index: Any) -> Any:
    """``Y[i, j, ...] = X[index[i, j, ...], j, ...]`` for axis 0, and so on for the others."""
    places = along(be, index, dim)
    return X[places], (X.shape, X.dtype, places)


def gather_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[index[i, j, ...], j, ...] += dY[i, j, ...]``."""
    shape, dtype, places = saved
    dX = be.zeros(shape, dtype)
    accumulate(be, dX, places, dY)
    return (dX,)


def _corner(index: Any) -> tuple[slice, ...]:
    return tuple([slice(n) for n in index.shape])


def scatter_into(be: Any, X: Any, V: Any, dim: int, index: Any) -> None:
    """``X[index[i, j, ...], j, ...] = V[i, j, ...]`` in place; `V` may be a number."""
    X[along(be, index, dim)] = V[_corner(index)] if hasattr(V, "shape") else V


def scatter_forward(be: Any, X: Any, V: Any, dim: int, index: Any) -> Any:
    """A copy of `X` with ``X[index[i, j, ...], j, ...] = V[i, j, ...]``."""
    Y = _copy(be, X)
    scatter_into(be, Y, V, dim, index)
    return Y, (getattr(V, "shape", ()), dim, index)


def scatter_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` with zeros in the written places, ``dV`` is ``dY`` gathered from them."""
    shape, dim, index = saved
    places = along(be, index, dim)
    dX = dV = None
    if needs[0]:
        dX = _copy(be, dY)
        dX[places] = 0
    if needs[1]:
        dV = _gathered(be, dY, places, shape, index)
    return dX, dV


def _gathered(be: Any, dY: Any, places: Any, shape: Any, index: Any) -> Any:
    part = dY[places]
    if part.shape == shape:
        return part
    dV = be.zeros(shape, dY.dtype)
    dV[_corner(index)] = part
    return dV


def scatter_add_into(be: Any, X: Any, V: Any, dim: int, index: Any) -> None:
    """``X[index[i, j, ...], j, ...] += V[i, j, ...]`` in place."""
    accumulate(be, X, along(be, index, dim), V[_corner(index)])


def scatter_add_forward(be: Any, X: Any, V: Any, dim: int, index: Any) -> Any:
    """A copy of `X` with ``X[index[i, j, ...], j, ...] += V[i, j, ...]``."""
    Y = _copy(be, X)
    scatter_add_into(be, Y, V, dim, index)
    return Y, (V.shape, dim, index)


def scatter_add_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY``, ``dV`` is ``dY`` gathered from the written places."""
    shape, dim, index = saved
    dV = _gathered(be, dY, along(be, index, dim), shape, index) if needs[1] else None
    return dY, dV


def index_add_into(be: Any, X: Any, V: Any, dim: int, index: Any, alpha: float) -> None:
    """``X[index[i]] += alpha V[i]`` along axis `dim`, in place."""
    if alpha != 1:
        V = (V * alpha).astype(X.dtype, copy=False)
    accumulate(be, X, (slice(None),) * dim + (index,), V)


def index_add_forward(be: Any, X: Any, V: Any, dim: int, index: Any, alpha: float) -> Any:
    """A copy of `X` with ``X[index[i]] += alpha V[i]`` along axis `dim`."""
    Y = _copy(be, X)
    index_add_into(be, Y, V, dim, index, alpha)
    return Y, (dim, index, alpha)


def index_add_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY``, ``dV[i] = alpha dY[index[i]]``."""
    dim, index, alpha = saved
    dV = None
    if needs[1]:
        dV = be.xp.take(dY, index, axis=dim)
        if alpha != 1:
            dV *= alpha
    return dY, dV


def where_forward(be: Any, C: Any, A: Any, B: Any) -> Any:
    """``Y = A`` where `C` is true, else `B`; all broadcast. `A` and `B` are of one dtype."""
    return be.xp.where(C, A, B), (C, A.shape, B.shape)


def where_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dA = dY`` where `C` is true, ``dB = dY`` elsewhere, 0 in the other places."""
    C, a, b = saved
    zero = dY.dtype.type(0)
    dA = unbroadcast(be.xp.where(C, dY, zero), a) if needs[1] else None
    dB = unbroadcast(be.xp.where(C, zero, dY), b) if needs[2] else None
    return None, dA, dB


def masked_fill_into(be: Any, X: Any, value: Any, mask: Any) -> None:
    """``X = value`` where `mask` is true, in place."""
    if not hasattr(value, "shape"):
        value = X.dtype.type(value)
    be.xp.copyto(X, value, where=mask, casting="unsafe")


def masked_fill_forward(be: Any, X: Any, value: Any, mask: Any) -> Any:
    """`X` with `value`, a number or an array of no axes, where `mask` is true."""
    if hasattr(value, "shape"):
        filled = be.xp.where(mask, value.astype(X.dtype, copy=False), X)
        return filled, (mask, X.shape, value.dtype)
    return be.xp.where(mask, X.dtype.type(value), X), (mask, X.shape, None)


def masked_fill_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` where `mask` is false, ``dvalue`` is the sum of the rest."""
    mask, shape, dtype = saved
    zero = dY.dtype.type(0)
    dX = unbroadcast(be.xp.where(mask, zero, dY), shape) if needs[0] else None
    dvalue = None
    if needs[1]:
        dvalue = be.xp.where(mask, dY, zero).sum().reshape(()).astype(dtype, copy=False)
    return dX, dvalue
