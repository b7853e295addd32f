"""The same elements in another order: axes exchanged, reversed, rolled."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_dims, as_sizes
from .conversion import clone

__all__ = [
    "flip",
    "fliplr",
    "flipud",
    "movedim",
    "permute",
    "roll",
    "swapaxes",
    "t",
    "transpose",
]

_permute = Operation(_ops.permute_forward, _ops.permute_backward)
_flip = Operation(_ops.flip_forward, _ops.flip_backward)
_roll = Operation(_ops.roll_forward, _ops.roll_backward)


def permute(input: Variable, dims: Any) -> Any:
    """A view whose axis i is axis ``dims[i]`` of the input.

    Raises
    ------
    RuntimeError
        If `dims` does not name each axis once.
    """
    ndim = input.array.ndim
    found = as_dims(dims, ndim)
    if len(found) != ndim:
        raise RuntimeError(
            f"permute: dims: expected {ndim} dimensions for a tensor of shape "
            f"{list(input.array.shape)}, got {dims}"
        )
    return _permute(input, dims=found)


def transpose(input: Variable, dim0: int, dim1: int) -> Any:
    """A view with two axes swapped."""
    ndim = input.array.ndim
    dim0, dim1 = as_dim(dim0, ndim, "dim0"), as_dim(dim1, ndim, "dim1")
    dims = list(range(ndim))
    if dims:
        dims[dim0], dims[dim1] = dim1, dim0
    return _permute(input, dims=tuple(dims))


swapaxes = transpose


def t(input: Variable) -> Any:
    """The transpose of a matrix; a vector or a number as it is.

    Raises
    ------
    RuntimeError
        If `input` has more than two axes.
    """
    ndim = input.array.ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but input is {ndim}D")
    return _permute(input, dims=tuple(range(ndim))[::-1])


def movedim(input: Variable, source: Any, destination: Any) -> Any:
    """A view with the axes `source` at the places `destination`, the others in their order."""
    ndim = input.array.ndim
    froms, tos = as_dims(source, ndim, "source"), as_dims(destination, ndim, "destination")
    if len(froms) != len(tos):
        raise RuntimeError(
            f"movedim: source has {len(froms)} dimensions, destination has {len(tos)}"
        )
    order = dict(zip(tos, froms))
    rest = iter([i for i in range(ndim) if i not in froms])
    return _permute(
        input, dims=tuple([order[i] if i in order else next(rest) for i in range(ndim)])
    )


def flip(input: Variable, *dims: Any) -> Any:
    """A copy in reverse order along `dims`."""
    if len(dims) == 1:
        dims = dims[0]
    return _flip(input, dims=as_dims(dims, input.array.ndim))


def fliplr(input: Variable) -> Any:
    """A copy in reverse order along axis 1."""
    return flip(input, 1)


def flipud(input: Variable) -> Any:
    """A copy in reverse order along axis 0."""
    return flip(input, 0)


def roll(input: Variable, shifts: Any, dims: Any = None) -> Any:
    """The elements moved on by `shifts` along `dims`; those that leave come in at the other end.

    Parameters
    ----------
    input : Tensor
    shifts : int or tuple of int
    dims : int or tuple of int, optional
        As many as `shifts`; without it the tensor is rolled as if it were flat.
    """
    steps = as_sizes(shifts if isinstance(shifts, tuple | list) else (shifts,))
    if dims is None:
        if len(steps) != 1:
            raise RuntimeError(f"roll: shifts: expected one number without dims, got {steps}")
        return _roll(input, shifts=steps[0], dims=None)
    axes = dims if isinstance(dims, tuple | list) else (dims,)
    axes = tuple([as_dim(d, input.array.ndim, "dims") for d in axes])
    if len(steps) != len(axes):
        raise RuntimeError(f"roll: shifts and dims must be equally long, got {shifts} and {dims}")
    return _roll(input, shifts=steps, dims=axes) if axes else clone(input)
