"""The largest, smallest and middle elements of tensors, and where they are.

``dim`` and ``keepdim`` as in `gpunet.functions.reduction`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import FLOATING
from ..ops import reduction as _ops
from ._arguments import as_dim
from .arithmetic import maximum, minimum
from .conversion import cast, clone, known
from .reduction import axis_of, refuse_empty, untaped

__all__ = ["amax", "amin", "argmax", "argmin", "max", "median", "min"]

_amax = Operation(_ops.amax_forward, _ops.amax_backward)
_amin = Operation(_ops.amin_forward, _ops.amin_backward)
_pick = Operation(_ops.pick_forward, _ops.pick_backward)


class _Found(NamedTuple):
    """Elements and where they were."""

    values: Any
    indices: Any


_Max = type("max", (_Found,), {})
_Min = type("min", (_Found,), {})
_Median = type("median", (_Found,), {})


def amax(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element. Elements that tie for it share the gradient equally."""
    axis = axis_of(dim, input.array.ndim)
    refuse_empty("amax", input.array, axis)
    return _amax(input, axis=axis, keepdims=keepdim)


def amin(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element. Elements that tie for it share the gradient equally."""
    axis = axis_of(dim, input.array.ndim)
    refuse_empty("amin", input.array, axis)
    return _amin(input, axis=axis, keepdims=keepdim)


def max(input: Variable, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; with `dim` also where it is; with another tensor as `maximum`.

    Parameters
    ----------
    input : Tensor
    dim : int or Tensor, optional
        One dimension, or the tensor to compare with.
    keepdim : bool
    other : Tensor, optional
        The tensor to compare with, by name.

    Returns
    -------
    Tensor, or a named tuple (values, indices) where `dim` is a number
        The gradient goes to the one element that `indices` names, the first of those that tie;
        without `dim` those share it.
    """
    if isinstance(dim, Variable) or other is not None:
        return maximum(input, dim if other is None else other)
    if dim is None:
        refuse_empty("max", input.array, None)
        return _amax(input, axis=None, keepdims=False)
    indices = argmax(input, dim, True)
    return _Max(*_picked(input, indices.array, dim, keepdim))


def min(input: Variable, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; with `dim` also where it is; with another tensor as `minimum`.

    Parameters and result are those of `max`.
    """
    if isinstance(dim, Variable) or other is not None:
        return minimum(input, dim if other is None else other)
    if dim is None:
        refuse_empty("min", input.array, None)
        return _amin(input, axis=None, keepdims=False)
    indices = argmin(input, dim, True)
    return _Min(*_picked(input, indices.array, dim, keepdim))


def median(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """The element in the middle of the order, the lower one of two; NaN where there is a NaN.

    With `dim` a named tuple (values, indices).
    """
    array = known(input.array)
    backend = backend_of(array)
    if dim is None:
        if not array.size:
            return cast(untaped(array.sum() + math.nan, backend), input.array.dtype)
        return _pick(input, _middle(backend.xp, array.reshape(-1), 0), axis=None, keepdims=False)
    axis = as_dim(dim, array.ndim)
    refuse_empty("median", array, axis)
    if array.ndim == 0:
        return _Median(*_picked(input, backend.zeros((), "int64"), dim, keepdim))
    return _Median(*_picked(input, _middle(backend.xp, array, axis), dim, keepdim))


def _middle(xp: Any, array: Any, axis: int) -> Any:
    """The position of the median along `axis`, which stays with length 1."""
    n = array.shape[axis]
    order = xp.argsort(array, axis=axis)
    before = (slice(None),) * axis
    last = order[(*before, slice(n - 1, n))]
    middle = order[(*before, slice((n - 1) // 2, (n - 1) // 2 + 1))]
    if array.dtype.kind in FLOATING:  # a NaN comes last in the order
        middle = xp.where(xp.isnan(xp.take_along_axis(array, last, axis)), last, middle)
    return xp.ascontiguousarray(middle)


def _picked(input: Variable, indices: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """The elements at `indices`, which have length 1 along `dim`, and the indices."""
    array = input.array
    if array.ndim == 0:
        return clone(input), Operation.result(indices)
    axis = as_dim(dim, array.ndim)
    values = _pick(input, indices, axis=axis, keepdims=keepdim)
    return values, Operation.result(indices if keepdim else indices.squeeze(axis))


def argmax(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the first largest element is; without `dim`, in the flattened tensor."""
    return _arg("argmax", input, dim, keepdim)


def argmin(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the first smallest element is; without `dim`, in the flattened tensor."""
    return _arg("argmin", input, dim, keepdim)


def _arg(name: str, input: Variable, dim: int | None, keepdim: bool) -> Any:
    array = known(input.array)
    backend = backend_of(array)
    axis = None if dim is None else axis_of(int(dim), array.ndim)
    refuse_empty(name, array, axis)
    indices = getattr(backend.xp, name)(array, axis=axis, keepdims=keepdim)
    return untaped(indices, backend)
