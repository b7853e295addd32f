"""Sorting, the largest elements, different elements, counting."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd import Function, Variable
from ..backend import backend_of
from ..dtypes import get_default_dtype
from ..ops import sorting as _ops
from ._arguments import as_dim
from .scatter import _gather
from .shape import ravel, reshape

__all__ = [
    "argsort",
    "bincount",
    "bucketize",
    "kthvalue",
    "msort",
    "one_hot",
    "searchsorted",
    "sort",
    "topk",
    "unique",
]


class sort_result(NamedTuple):
    """Values and the indices they came from."""

    values: Any
    indices: Any


class topk_result(NamedTuple):
    """Values and the indices they came from."""

    values: Any
    indices: Any


class kthvalue_result(NamedTuple):
    """Values and the indices they came from."""

    values: Any
    indices: Any


def _picked(kind: Any, input: Variable, dim: int, places: Any) -> Any:
    if not input.array.ndim:
        values = reshape(_gather(ravel(input), dim=0, index=places), ())
        return kind(values, Function.result(places.reshape(())))
    return kind(_gather(input, dim=dim, index=places), Function.result(places))


def _with_axis(input: Variable, dim: int) -> tuple[Any, Any, int]:
    """Backend, array with at least one axis, and axis."""
    array = input.array
    dim = as_dim(dim, array.ndim)
    return backend_of(array), array if array.ndim else array.reshape(1), dim


def sort(input: Variable, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements in order along `dim`, and where they were.

    Parameters
    ----------
    input : Tensor
    dim : int
    descending : bool
        From the largest on. NaN counts as larger than everything.
    stable : bool
        Accepted for PyTorch's sake: equal elements always keep their order.

    Returns
    -------
    values : Tensor
        Gradients go back to the places that the values came from.
    indices : Tensor of int64
    """
    backend, array, dim = _with_axis(input, dim)
    return _picked(sort_result, input, dim, _ops.sorted_places(backend, array, dim, descending))


def argsort(input: Variable, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that sort the tensor along `dim`."""
    backend, array, dim = _with_axis(input, dim)
    places = _ops.sorted_places(backend, array, dim, descending)
    return Function.result(places.reshape(input.array.shape))


def msort(input: Variable) -> Any:
    """The elements in order along axis 0."""
    return sort(input, 0).values


def topk(input: Variable, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest (or smallest) elements along `dim`, and where they were.

    Parameters
    ----------
    input : Tensor
    k : int
    dim : int
    largest : bool
    sorted : bool
        Accepted for PyTorch's sake: the result is always in order.

    Returns
    -------
    values : Tensor
    indices : Tensor of int64

    Raises
    ------
    RuntimeError
        If there are fewer than `k` elements.
    """
    backend, array, dim = _with_axis(input, dim)
    if not 0 <= k <= array.shape[dim]:
        raise RuntimeError(
            f"topk: k: expected a number from 0 to {array.shape[dim]}, the size of dimension "
            f"{dim}, got {k}"
        )
    places = _ops.top_places(backend, array, k, dim, largest)
    return _picked(topk_result, input, dim, places)


def kthvalue(input: Variable, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The `k`-th smallest element along `dim` (counted from 1), and where it was.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    backend, array, dim = _with_axis(input, dim)
    if not 1 <= k <= array.shape[dim]:
        raise RuntimeError(f"kthvalue: k: expected a number from 1 to {array.shape[dim]}, got {k}")
    before = (slice(None),) * dim
    places = _ops.sorted_places(backend, array, dim, False)[(*before, slice(k - 1, k))]
    values, indices = _picked(kthvalue_result, input, dim, places)
    if input.array.ndim and not keepdim:
        shape = array.shape[:dim] + array.shape[dim + 1 :]
        values, indices = reshape(values, shape), reshape(indices, shape)
    return kthvalue_result(values, indices)


def unique(
    input: Variable,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order. A GPU is waited for: they decide the shape.

    Parameters
    ----------
    input : Tensor
    sorted : bool
        Accepted for PyTorch's sake: the result is always in order.
    return_inverse : bool
        Also give, for each element, the index of its value in the result.
    return_counts : bool
        Also give how often each value comes up.
    dim : int, optional
        Different slices along this axis in place of elements.

    Returns
    -------
    Tensor or tuple of Tensor
        Without gradients.
    """
    array = input.array
    backend = backend_of(array)
    axis = None if dim is None else as_dim(dim, array.ndim)
    values, inverse, counts = backend.xp.unique(
        array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = array.shape if axis is None else (array.shape[axis],)
    results = [Function.result(values)]
    if return_inverse:
        results.append(Function.result(inverse.reshape(shape).astype("int64", copy=False)))
    if return_counts:
        results.append(Function.result(counts.astype("int64", copy=False)))
    return tuple(results) if len(results) > 1 else results[0]


def bincount(input: Variable, weights: Variable | None = None, minlength: int = 0) -> Any:
    """How often each of the integers 0, 1, ... comes up, or the sum of its `weights`.

    Parameters
    ----------
    input : Tensor of integers, shape (N,)
        The largest decides the shape of the result, so a GPU is waited for.
    weights : Tensor of shape (N,), optional
    minlength : int
        The result has at least this many entries.

    Raises
    ------
    RuntimeError
        If `input` is no vector of non-negative integers, or `weights` has another shape.
    """
    array = input.array
    xp = backend_of(array).xp
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and int(array.min()) < 0):
        raise RuntimeError(
            "bincount: input: expected a vector of non-negative integers, got shape "
            f"{list(array.shape)} of {array.dtype}"
        )
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if weights is None:
        if not array.size:
            return Function.result(xp.zeros(minlength, "int64"))
        counts = xp.bincount(array, minlength=minlength)
        return Function.result(counts.astype("int64", copy=False))
    if weights.array.shape != array.shape:
        raise RuntimeError(
            f"bincount: weights: expected shape {list(array.shape)}, as input, "
            f"got {list(weights.array.shape)}"
        )
    dtype = weights.array.dtype if weights.array.dtype == "float32" else np.dtype("float64")
    if not array.size:
        return Function.result(xp.zeros(minlength, dtype))
    sums = xp.bincount(array, weights=weights.array.astype("float64"), minlength=minlength)
    return Function.result(sums.astype(dtype, copy=False))


def one_hot(tensor: Variable, num_classes: int = -1) -> Any:
    """``out[..., c] = 1`` where ``tensor[...]`` is c, otherwise 0, as int64.

    Parameters
    ----------
    tensor : Tensor of integers
    num_classes : int
        The length of the new axis; -1 for the largest value plus 1, for which a GPU is waited for.

    Raises
    ------
    RuntimeError
        If a value is negative or not below `num_classes` (checked on the CPU).
    """
    array = tensor.array
    xp = backend_of(array).xp
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot: tensor: expected integers, got {array.dtype}")
    if num_classes == -1:
        if not array.size:
            raise RuntimeError("one_hot: num_classes cannot be inferred from an empty tensor")
        num_classes = int(array.max()) + 1
    elif num_classes < 1:
        raise RuntimeError(f"one_hot: num_classes: expected -1 or at least 1, got {num_classes}")
    if type(array) is np.ndarray and array.size:
        for value in (int(array.min()), int(array.max())):
            if not 0 <= value < num_classes:
                raise RuntimeError(
                    f"one_hot: class values must be from 0 to {num_classes - 1}, got {value}"
                )
    hot = array.reshape((*array.shape, 1)) == xp.arange(num_classes)
    return Function.result(hot.astype("int64"))


def searchsorted(
    sorted_sequence: Variable,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
) -> Any:
    """Where each element would go into a sorted vector so that it stays sorted.

    Parameters
    ----------
    sorted_sequence : Tensor of shape (N,)
    input : Tensor or number
    out_int32 : bool
        Indices of int32 in place of int64.
    right : bool
        After equal elements in place of before them.
    side : {"left", "right"}, optional
        The same in words.

    Raises
    ------
    RuntimeError
        If `sorted_sequence` is no vector.
    """
    array = sorted_sequence.array
    if array.ndim != 1:
        raise RuntimeError(
            f"searchsorted: sorted_sequence: expected a vector, got shape {list(array.shape)}"
        )
    if side not in (None, "left", "right"):
        raise RuntimeError(f'searchsorted: side: expected "left" or "right", got {side!r}')
    xp = backend_of(array).xp
    values = (
        input.array
        if isinstance(input, Variable)
        else xp.asarray(input, array.dtype if array.dtype.kind == "f" else get_default_dtype())
    )
    side = side or ("right" if right else "left")
    places = xp.asarray(xp.searchsorted(array, values.reshape(-1), side=side))
    dtype = "int32" if out_int32 else "int64"
    return Function.result(places.reshape(values.shape).astype(dtype, copy=False))


def bucketize(
    input: Any, boundaries: Variable, *, out_int32: bool = False, right: bool = False
) -> Any:
    """The number of the interval between `boundaries` in which each element lies."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
