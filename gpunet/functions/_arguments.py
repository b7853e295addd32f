"""Checks that many functions share: dimensions, sizes, lists of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from ..autograd import Variable

__all__ = ["as_dim", "as_dims", "as_sizes", "tensors_of"]


def as_dim(dim: Any, ndim: int, name: str = "dim") -> int:
    """`dim` counted from the front. A tensor of no axes is taken for one of one, as in PyTorch.

    Raises
    ------
    IndexError
        If there is no such axis.
    """
    axes = ndim or 1
    if -axes <= dim < axes:
        return dim + axes if dim < 0 else index(dim)
    raise IndexError(
        f"{name}: dimension out of range (expected to be in range of [{-axes}, {axes - 1}], "
        f"but got {dim})"
    )


def as_dims(dims: Any, ndim: int, name: str = "dims") -> tuple[int, ...]:
    """Several different axes, counted from the front; one number means one axis.

    Raises
    ------
    IndexError
        If there is no such axis.
    RuntimeError
        If an axis is named twice.
    """
    found = tuple([as_dim(d, ndim, name) for d in (dims if hasattr(dims, "__iter__") else (dims,))])
    if len(set(found)) < len(found):
        raise RuntimeError(f"{name}: duplicate dims are not allowed, got {dims}")
    return found


def as_sizes(sizes: Sequence[Any]) -> tuple[int, ...]:
    """The sizes of ``f(2, 3)`` or ``f((2, 3))``.

    Raises
    ------
    TypeError
        If they are not whole numbers.
    """
    if len(sizes) == 1 and hasattr(sizes[0], "__iter__"):
        sizes = sizes[0]
    try:
        return tuple(map(index, sizes))
    except TypeError:
        raise TypeError(f"size: expected whole numbers, got {tuple(sizes)!r}") from None


def tensors_of(tensors: Any, function: str) -> list[Variable]:
    """The tensors of a list or tuple.

    Raises
    ------
    ValueError
        If there are none.
    TypeError
        If it is no list or tuple, or something in it is no tensor.
    """
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            f"{function}: tensors: expected a list or tuple of tensors, "
            f"got {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError(f"{function}: tensors: expected at least one tensor, got an empty list")
    for i, x in enumerate(tensors):
        if not isinstance(x, Variable):
            raise TypeError(
                f"{function}: tensors: expected tensors, but entry {i} is a {type(x).__name__}"
            )
    return list(tensors)
