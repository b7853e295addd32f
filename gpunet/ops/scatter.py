"""Reading and writing along an axis, at places that an array of indices gives."""

from __future__ import annotations

from typing import Any

from .indexing import copied, summed

__all__ = [
    "gather_backward",
    "gather_forward",
    "index_add_backward",
    "index_add_forward",
    "index_add_into",
    "scatter_add_backward",
    "scatter_add_forward",
    "scatter_add_into",
    "scatter_backward",
    "scatter_forward",
    "scatter_into",
]


def accumulate(be: Any, target: Any, index: Any, values: Any) -> None:
    """``target[index] += values``, adding again for each repetition of an index.

    On a GPU floating-point sums of repeated indices vary in their last digits, as the order of
    the additions does.
    """
    if target.dtype.kind == "i" and target.dtype.itemsize == 8:
        # The GPU's atomic addition knows no signed 64-bit integers; the bits are the same.
        target, values = target.view("uint64"), values.astype("int64").view("uint64")
    be.xp.add.at(target, index, values)


def along(be: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """The index arrays of ``X[i_0, ..., index[i_0, ...], ...]`` with `index` at axis `dim`."""
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
    return (summed(be, dY, shape, dtype, places),)


def _corner(index: Any) -> tuple[slice, ...]:
    return tuple([slice(n) for n in index.shape])


def scatter_into(be: Any, X: Any, V: Any, dim: int, index: Any) -> None:
    """``X[index[i, j, ...], j, ...] = V[i, j, ...]`` in place; `V` may be a number."""
    X[along(be, index, dim)] = V[_corner(index)] if hasattr(V, "shape") else V


def scatter_forward(be: Any, X: Any, V: Any, dim: int, index: Any) -> Any:
    """A copy of `X` with ``X[index[i, j, ...], j, ...] = V[i, j, ...]``."""
    Y = copied(be, X)
    scatter_into(be, Y, V, dim, index)
    return Y, (getattr(V, "shape", ()), dim, index)


def scatter_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` with zeros in the written places, ``dV`` is ``dY`` gathered from them."""
    shape, dim, index = saved
    places = along(be, index, dim)
    dX = dV = None
    if needs[0]:
        dX = copied(be, dY)
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
    Y = copied(be, X)
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
    Y = copied(be, X)
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
