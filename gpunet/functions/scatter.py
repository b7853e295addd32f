"""Reading and writing along an axis at places that a tensor of indices gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..ops import scatter as _ops
from ..ops.indexing import setitem_into
from ._arguments import as_dim
from ._index import beside, check_range, index_array
from .indexing import _getitem, _setitem
from .inplace import change
from .repeating import common_shape, expand
from .shape import ravel

__all__ = [
    "gather",
    "index_add",
    "index_add_",
    "index_copy",
    "index_copy_",
    "index_fill",
    "index_fill_",
    "index_select",
    "scatter",
    "scatter_",
    "scatter_add",
    "scatter_add_",
    "take_along_dim",
]

_gather = Operation(_ops.gather_forward, _ops.gather_backward)
_scatter = Operation(_ops.scatter_forward, _ops.scatter_backward)
_scatter_add = Operation(_ops.scatter_add_forward, _ops.scatter_add_backward)
_index_add = Operation(_ops.index_add_forward, _ops.index_add_backward)


def _indices(name: str, input: Variable, index: Any, n: int) -> Any:
    """The raw array of `index`, checked to lie within 0 and ``n - 1`` if it is on the CPU.

    On a GPU the check would have to wait for the device.
    """
    array = index_array(input, index)
    if array.dtype.kind == "b":
        raise RuntimeError(f"{name}: index: expected integers, got {array.dtype}")
    if type(array) is np.ndarray and array.size:
        check_range(name, array, n, 0)
    return beside(input, array)


def _placed(name: str, input: Variable, dim: int, index: Any, src: Any = None) -> tuple[int, Any]:
    """`dim` and the array of `index` for gather and scatter, once their shapes are checked."""
    shape = input.array.shape
    dim = as_dim(dim, len(shape))
    array = _indices(name, input, index, shape[dim] if shape else 1)
    if array.ndim != len(shape):
        raise RuntimeError(
            f"{name}: index must have as many dimensions as input, got shapes "
            f"{list(array.shape)} and {list(shape)}"
        )
    for axis, n in enumerate(array.shape):
        if axis != dim and n > shape[axis]:
            raise RuntimeError(
                f"{name}: size of index {list(array.shape)} exceeds that of input {list(shape)} "
                f"apart from dimension {dim}"
            )
    if isinstance(src, Variable):
        other = src.array.shape
        if len(other) != len(shape) or any(n > m for n, m in zip(array.shape, other)):
            raise RuntimeError(
                f"{name}: expected index {list(array.shape)} to be no larger than src {list(other)}"
            )
        if src.array.dtype != input.array.dtype:
            raise RuntimeError(
                f"{name}: expected src of dtype {input.array.dtype}, as input, "
                f"got {src.array.dtype}"
            )
    return dim, array


def gather(input: Variable, dim: int, index: Any) -> Any:
    """``out[i, j, k] = input[index[i, j, k], j, k]`` for dim 0, and so on.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor of integers
        As many axes as `input`; no longer than it, except along `dim`.

    Raises
    ------
    IndexError
        If an index is out of range (checked on the CPU).
    RuntimeError
        If the shapes do not fit.
    """
    dim, array = _placed("gather", input, dim, index)
    return _gather(input, dim=dim, index=array)


def take_along_dim(input: Variable, indices: Variable, dim: int | None = None) -> Any:
    """`gather` with broadcasting; from the flattened tensor for ``dim=None``."""
    if dim is None:
        return gather(ravel(input), 0, ravel(indices))
    ndim = input.array.ndim
    if indices.array.ndim != ndim:
        raise RuntimeError(
            f"take_along_dim: input and indices must have as many dimensions, got {ndim} and "
            f"{indices.array.ndim}"
        )
    dim = as_dim(dim, ndim)
    shape, places = list(input.array.shape), list(indices.array.shape)
    length, count = shape[dim], places[dim]
    shape[dim] = places[dim] = 1
    common = list(common_shape([tuple(shape), tuple(places)]))
    common[dim] = length
    input = expand(input, common)
    common[dim] = count
    return gather(input, dim, expand(indices, common))


def scatter(
    input: Variable, dim: int, index: Any, src: Any = None, *, value: float | None = None
) -> Any:
    """A copy of `input` with ``out[index[i, j, k], j, k] = src[i, j, k]`` for dim 0, and so on.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor of integers
        Where an index comes up twice, one of the values stays.
    src : Tensor or number
    value : number
        The same as a number for `src`.

    Raises
    ------
    IndexError
        If an index is out of range (checked on the CPU).
    RuntimeError
        If shapes or dtypes do not fit.
    """
    src = _source(src, value)
    dim, array = _placed("scatter", input, dim, index, src)
    return _scatter(input, src, dim=dim, index=array)


def scatter_(
    input: Variable, dim: int, index: Any, src: Any = None, *, value: float | None = None
) -> Any:
    """`scatter` in place."""
    src = _source(src, value)
    dim, array = _placed("scatter_", input, dim, index, src)
    return change(_scatter, _ops.scatter_into, input, src, dim=dim, index=array)


def _source(src: Any, value: Any) -> Any:
    if (src is None) == (value is None):
        raise TypeError("scatter: expected either src or value")
    return value if src is None else src


def scatter_add(input: Variable, dim: int, index: Any, src: Variable) -> Any:
    """A copy of `input` with ``out[index[i, j, k], j, k] += src[i, j, k]`` for dim 0, and so on."""
    dim, array = _placed("scatter_add", input, dim, index, src)
    return _scatter_add(input, src, dim=dim, index=array)


def scatter_add_(input: Variable, dim: int, index: Any, src: Variable) -> Any:
    """`scatter_add` in place."""
    dim, array = _placed("scatter_add_", input, dim, index, src)
    return change(_scatter_add, _ops.scatter_add_into, input, src, dim=dim, index=array)


def _listed(name: str, input: Variable, dim: int, index: Any) -> tuple[int, Any]:
    """`dim` and the vector of `index` for the functions that take whole slices."""
    shape = input.array.shape
    dim = as_dim(dim, len(shape))
    array = _indices(name, input, index, shape[dim] if shape else 1)
    if array.ndim > 1:
        raise IndexError(f"{name}: index: expected a vector, got shape {list(array.shape)}")
    return dim, array.reshape(-1)


def index_select(input: Variable, dim: int, index: Any) -> Any:
    """The slices with the numbers `index` along `dim`.

    Raises
    ------
    IndexError
        If an index is out of range (checked on the CPU), or `index` is no vector.
    """
    dim, array = _listed("index_select", input, dim, index)
    if not input.array.ndim:
        return _getitem(ravel(input), basic=None, advanced=(array,)).reshape(())
    return _getitem(input, basic=None, advanced=(*(slice(None),) * dim, array))


def repeat_by_counts(input: Variable, repeats: Variable, dim: int) -> Any:
    """Slice number i along `dim`, ``repeats[i]`` times in a row."""
    n = input.array.shape[dim]
    counts = backend_of(repeats.array).to_numpy(repeats.array).reshape(-1)
    if counts.dtype.kind not in "iu" or counts.size not in (1, n) or (counts < 0).any():
        raise RuntimeError(
            f"repeat_interleave: repeats: expected {n} integers, none negative, for dimension "
            f"{dim} of shape {list(input.array.shape)}, got shape {list(repeats.array.shape)} of "
            f"{counts.dtype}"
        )
    return index_select(input, dim, np.repeat(np.arange(n), counts))


def _added(name: str, input: Variable, dim: int, index: Any, source: Variable) -> dict[str, Any]:
    dim, array = _listed(name, input, dim, index)
    shape, other = list(input.array.shape), list(source.array.shape)
    shape[dim : dim + 1] = [array.size]
    if other != shape:
        raise RuntimeError(f"{name}: source: expected shape {shape}, got {other}")
    if source.array.dtype != input.array.dtype:
        raise RuntimeError(
            f"{name}: source: expected dtype {input.array.dtype}, as self, got {source.array.dtype}"
        )
    return {"dim": dim, "index": array}


def index_add(input: Variable, dim: int, index: Any, source: Variable, *, alpha: float = 1) -> Any:
    """A copy of `input` in which slice i of ``alpha source`` is added to slice ``index[i]``."""
    options = _added("index_add", input, dim, index, source)
    return _index_add(input, source, alpha=alpha, **options)


def index_add_(input: Variable, dim: int, index: Any, source: Variable, *, alpha: float = 1) -> Any:
    """`index_add` in place."""
    options = _added("index_add_", input, dim, index, source)
    return change(_index_add, _ops.index_add_into, input, source, alpha=alpha, **options)


def _set(name: str, input: Variable, dim: int, index: Any) -> dict[str, Any]:
    dim, array = _listed(name, input, dim, index)
    return {"basic": None, "advanced": (*(slice(None),) * dim, array)}


def index_copy(input: Variable, dim: int, index: Any, source: Variable) -> Any:
    """A copy of `input` whose slice ``index[i]`` is slice i of `source`."""
    _added("index_copy", input, dim, index, source)
    return _setitem(input, source, **_set("index_copy", input, dim, index))


def index_copy_(input: Variable, dim: int, index: Any, source: Variable) -> Any:
    """`index_copy` in place."""
    _added("index_copy_", input, dim, index, source)
    options = _set("index_copy_", input, dim, index)
    return change(_setitem, setitem_into, input, source, **options)


def index_fill(input: Variable, dim: int, index: Any, value: Any) -> Any:
    """A copy of `input` with `value` in the slices with the numbers `index`."""
    return _setitem(input, value, **_set("index_fill", input, dim, index))


def index_fill_(input: Variable, dim: int, index: Any, value: Any) -> Any:
    """`index_fill` in place."""
    options = _set("index_fill_", input, dim, index)
    return change(_setitem, setitem_into, input, value, **options)
