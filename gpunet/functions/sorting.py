"""Sorting, and the largest elements."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..ops import sorting as _ops
from ._arguments import as_dim
from .conversion import known
from .scatter import _gather
from .shape import ravel, reshape

__all__ = [
    "argsort",
    "kthvalue",
    "msort",
    "sort",
    "topk",
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
        return kind(values, Operation.result(places.reshape(())))
    return kind(_gather(input, dim=dim, index=places), Operation.result(places))


def _with_axis(input: Variable, dim: int) -> tuple[Any, Any, int]:
    """Backend, array with at least one axis, and axis."""
    array = known(input.array)
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
    return Operation.result(places.reshape(input.array.shape))


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
