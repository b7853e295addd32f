"""``x[...]``, ``x[...] = v``, `where` and `nonzero`."""

from __future__ import annotations

from operator import index as as_integer
from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..errors import DeviceError
from ..ops import indexing as _ops
from ._arguments import as_dim
from ._index import beside, check_mask, index_array, parse
from .conversion import known, transfer
from .inplace import change
from .promotion import operands, result_type
from .repeating import common_shape, expand
from .shape import ravel

__all__ = [
    "argwhere",
    "masked_fill",
    "masked_fill_",
    "masked_select",
    "narrow",
    "nonzero",
    "select",
    "take",
    "where",
]

_getitem = Operation(_ops.getitem_forward, _ops.getitem_backward)
_setitem = Operation(_ops.setitem_forward, _ops.setitem_backward)
_where = Operation(_ops.where_forward, _ops.where_backward)
_masked_fill = Operation(_ops.masked_fill_forward, _ops.masked_fill_backward)

_ALL = slice(None)
_INT64 = np.dtype("int64")


def getitem(input: Variable, index: Any) -> Any:
    """``input[index]``: slices and integers give views; masks and integer arrays give copies.

    Raises
    ------
    IndexError
        If an index is out of range (on the GPU: if it comes from the host), of another dtype, or
        a mask of another shape.
    ValueError
        If the step of a slice is not positive.
    """
    if isinstance(index, Variable):
        array = index.array
        if array.dtype is _INT64 and array.ndim and type(array) is type(input.array):
            return _getitem(input, basic=None, advanced=(array,))
    basic, advanced, unique = parse(input, index)
    return _getitem(input, basic=basic, advanced=advanced, unique=unique)


def setitem(input: Variable, index: Any, value: Any) -> None:
    """``input[index] = value``. On the tape, gradients flow to `value` and to what is left.

    Raises
    ------
    IndexError, ValueError
        As `getitem`.
    RuntimeError
        If `value` does not broadcast, or if `input` is a leaf that requires a gradient.
    """
    array = input.array
    if not isinstance(value, int | float | Variable):
        value = Variable(beside(input, index_array(input, value, any_dtype=True)))
    if isinstance(value, Variable) and type(value.array) is not type(array):
        value = _number_moved(value, input)
    mask = index.array if isinstance(index, Variable) else None
    if (
        mask is not None
        and mask.dtype == bool
        and 0 < mask.ndim <= array.ndim
        and type(mask) is type(array)
        and not (isinstance(value, Variable) and value.array.ndim)
    ):
        # A number where a mask is true: where the places are need not be known on the host.
        check_mask(mask.shape, array.shape, 0)
        mask = mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))
        change(_masked_fill, _ops.masked_fill_into, input, value, mask=mask)
        return
    basic, advanced, _ = parse(input, index)
    try:
        change(_setitem, _ops.setitem_into, input, value, basic=basic, advanced=advanced)
    except ValueError as error:
        shape = _ops.getitem_forward(None, array, basic, advanced)[0].shape
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(getattr(value, 'array', value).shape)} "
            f"cannot be broadcast to indexing result of shape {list(shape)}"
        ) from error


def _number_moved(value: Variable, input: Variable) -> Any:
    device = backend_of(input.array).device_of(input.array)
    if value.array.ndim:
        raise DeviceError(
            f"value is on {backend_of(value.array).device_of(value.array)}, the tensor on "
            f"{device}; move it with .to(device)"
        )
    return transfer(value, device)


def select(input: Variable, dim: int, index: int) -> Any:
    """The slice number `index` along `dim`, as a view without that axis."""
    dim = as_dim(dim, input.array.ndim)
    return getitem(input, (*(_ALL,) * dim, as_integer(index)))


def narrow(input: Variable, dim: int, start: Any, length: int) -> Any:
    """The elements `start` to ``start + length - 1`` along `dim`, as a view.

    Raises
    ------
    RuntimeError
        If they are not all there.
    """
    shape = input.array.shape
    dim = as_dim(dim, len(shape))
    n = shape[dim]
    first = as_integer(start)
    if not -n <= first <= n:
        raise IndexError(f"narrow: start: expected a value from {-n} to {n}, got {first}")
    first += n if first < 0 else 0
    if length < 0 or first + length > n:
        raise RuntimeError(
            f"narrow: start ({first}) + length ({length}) exceeds dimension size ({n})"
        )
    return getitem(input, (*(_ALL,) * dim, slice(first, first + length)))


def take(input: Variable, index: Any) -> Any:
    """The elements at the places `index` of the flattened tensor, in the shape of `index`.

    Raises
    ------
    IndexError
        If a place is out of range.
    """
    return getitem(ravel(input), (index_array(input, index),))


def masked_select(input: Variable, mask: Variable) -> Any:
    """The elements where `mask` is true, as a vector. Broadcasts; a GPU is waited for."""
    shape = common_shape([input.array.shape, mask.array.shape])
    if mask.array.dtype != bool:
        raise RuntimeError(f"masked_select: mask: expected a bool tensor, got {mask.array.dtype}")
    return getitem(ravel(expand(input, shape)), ravel(expand(mask, shape)))


def masked_fill(input: Variable, mask: Variable, value: Any) -> Any:
    """`input` with `value` where `mask` is true.

    Parameters
    ----------
    input : Tensor
    mask : Tensor of bool
        Broadcasts with `input`.
    value : number or Tensor of no axes

    Raises
    ------
    RuntimeError
        If `mask` is not bool, or `value` has axes.
    """
    common_shape([input.array.shape, mask.array.shape])
    return _masked_fill(input, _fill_value(input, mask, value), mask=mask.array)


def masked_fill_(input: Variable, mask: Variable, value: Any) -> Any:
    """`masked_fill` in place; `mask` broadcasts to `input`."""
    shape = input.array.shape
    if common_shape([shape, mask.array.shape]) != shape:
        raise RuntimeError(
            f"masked_fill_: mask of shape {list(mask.array.shape)} does not broadcast to "
            f"{list(shape)}"
        )
    value = _fill_value(input, mask, value)
    return change(_masked_fill, _ops.masked_fill_into, input, value, mask=mask.array)


def _fill_value(input: Variable, mask: Variable, value: Any) -> Any:
    if mask.array.dtype != bool:
        raise RuntimeError(f"masked_fill: mask: expected a bool tensor, got {mask.array.dtype}")
    if type(mask.array) is not type(input.array):
        raise DeviceError("masked_fill: mask and input must be on one device")
    if isinstance(value, Variable):
        if value.array.ndim:
            raise RuntimeError(
                "masked_fill: value: expected a number or a tensor of no dimensions, got shape "
                f"{list(value.array.shape)}"
            )
        if type(value.array) is not type(input.array):
            return _number_moved(value, input)
    return value


def where(condition: Variable, input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` is true, else `other`; with `condition` alone, where it is true.

    Parameters
    ----------
    condition : Tensor of bool
    input, other : Tensor or number, optional

    Returns
    -------
    Tensor
        Of the shape to which all three broadcast; for one argument the tuple
        ``nonzero(condition, as_tuple=True)``.

    Raises
    ------
    RuntimeError
        If `condition` is not bool, or the shapes do not broadcast.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.array.dtype != bool:
        raise RuntimeError(f"where: condition: expected a bool tensor, got {condition.array.dtype}")
    if isinstance(input, Variable) or isinstance(other, Variable):
        input, other = operands(input, other)
        dtype = next(x.array.dtype for x in (input, other) if isinstance(x, Variable))
    else:
        dtype = result_type(input, other)
    number = np.float32 if dtype.char == "E" else dtype.type
    a, b = [x if isinstance(x, Variable) else number(x) for x in (input, other)]
    common_shape([x.array.shape for x in (condition, a, b) if isinstance(x, Variable)])
    return _where(condition, a, b)


def nonzero(input: Variable, *, as_tuple: bool = False) -> Any:
    """Where the tensor is not zero. A GPU is waited for: the values decide the shape.

    Returns
    -------
    Tensor of shape (number of places, number of axes), or with `as_tuple` its columns.
    """
    array = known(input.array)
    xp = backend_of(array).xp
    if array.ndim:
        columns = xp.nonzero(array)
        if as_tuple:
            return tuple([Operation.result(places) for places in columns])
        return Operation.result(xp.stack(columns, 1))
    columns = xp.nonzero(array.reshape(1))
    if as_tuple:
        return (Operation.result(columns[0]),)
    return Operation.result(xp.zeros((columns[0].shape[0], 0), "int64"))


def argwhere(input: Variable) -> Any:
    """As ``nonzero(input)``."""
    return nonzero(input)
