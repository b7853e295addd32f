"""Several tensors to one."""

from __future__ import annotations

import functools
from typing import Any

from ..autograd import Operation, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, tensors_of
from .conversion import cast
from .promotion import promote_types
from .repeating import common_shape, expand
from .shape import reshape, unsqueeze

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "cat",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "meshgrid",
    "stack",
    "vstack",
]

_cat = Operation(_ops.cat_forward, _ops.cat_backward)
_stack = Operation(_ops.stack_forward, _ops.stack_backward)


def _common_dtype(tensors: list[Variable]) -> Any:
    return functools.reduce(promote_types, [x.array.dtype for x in tensors])


def _same_dtype(tensors: list[Variable]) -> list[Variable]:
    first = tensors[0].array.dtype
    if all(x.array.dtype == first for x in tensors):
        return tensors
    dtype = _common_dtype(tensors)
    return [cast(x, dtype) for x in tensors]


def cat(tensors: Any, dim: int = 0) -> Any:
    """The tensors one after the other along an axis that they have.

    Parameters
    ----------
    tensors : list or tuple of Tensor
        Of equal sizes except along `dim`. A tensor of shape (0,) is left out, as in PyTorch.
    dim : int

    Raises
    ------
    RuntimeError
        If the sizes differ.
    """
    tensors = tensors_of(tensors, "cat")
    kept = [x for x in tensors if x.array.shape != (0,)] or tensors[:1]
    first = kept[0].array.shape
    if not first:
        raise RuntimeError("cat: tensors without dimensions cannot be concatenated; use stack")
    dim = as_dim(dim, len(first))
    for x in kept:
        shape = x.array.shape
        if len(shape) != len(first) or (
            shape != first and (shape[:dim] != first[:dim] or shape[dim + 1 :] != first[dim + 1 :])
        ):
            i = [x is y for y in tensors].index(True)
            raise RuntimeError(
                f"cat: sizes of tensors must match except in dimension {dim}: the first has shape "
                f"{list(first)}, tensor number {i} in the list has {list(shape)}"
            )
    dtype = _common_dtype(tensors)
    return cast(_cat(*_same_dtype(kept), dim=dim), dtype)


concat = concatenate = cat


def stack(tensors: Any, dim: int = 0) -> Any:
    """The tensors, all of one shape, side by side along a new axis.

    Raises
    ------
    RuntimeError
        If the shapes differ.
    """
    tensors = tensors_of(tensors, "stack")
    first = tensors[0].array.shape
    for i, x in enumerate(tensors):
        if x.array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(x.array.shape)} at entry {i}"
            )
    return _stack(*_same_dtype(tensors), dim=as_dim(dim, len(first) + 1))


def hstack(tensors: Any) -> Any:
    """Vectors one after the other, anything else along axis 1."""
    tensors = [atleast_1d(x) for x in tensors_of(tensors, "hstack")]
    return cat(tensors, 0 if tensors[0].array.ndim == 1 else 1)


def vstack(tensors: Any) -> Any:
    """The tensors along axis 0, vectors as rows."""
    return cat([atleast_2d(x) for x in tensors_of(tensors, "vstack")], 0)


def dstack(tensors: Any) -> Any:
    """The tensors along axis 2."""
    return cat([atleast_3d(x) for x in tensors_of(tensors, "dstack")], 2)


def column_stack(tensors: Any) -> Any:
    """The tensors along axis 1, vectors as columns."""
    tensors = tensors_of(tensors, "column_stack")
    return hstack([reshape(x, (-1, 1)) if x.array.ndim < 2 else x for x in tensors])


def _each(tensors: tuple[Any, ...], one: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Variable):
        return one(tensors[0])
    return tuple([one(x) for x in (tensors[0] if len(tensors) == 1 else tensors)])


def atleast_1d(*tensors: Any) -> Any:
    """With an axis, if there was none."""
    return _each(tensors, lambda x: x if x.array.ndim else reshape(x, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """With leading axes up to two."""
    return _each(
        tensors,
        lambda x: x if x.array.ndim > 1 else unsqueeze(atleast_1d(x), 0),
    )


def atleast_3d(*tensors: Any) -> Any:
    """With three axes at least: a vector of N becomes (1, N, 1), a matrix (M, N, 1)."""
    return _each(
        tensors,
        lambda x: x if x.array.ndim > 2 else unsqueeze(atleast_2d(x), -1),
    )


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """For vectors of lengths M, N, ... the coordinates of the points of a grid, as views.

    Parameters
    ----------
    *tensors : Tensor
        Vectors or numbers, or one list of them.
    indexing : {"ij", "xy"}
        Shape (M, N, ...), or with the first two axes swapped.
    """
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing: expected "ij" or "xy", got {indexing!r}')
    if len(tensors) == 1 and not isinstance(tensors[0], Variable):
        tensors = tuple(tensors[0])
    vectors = tensors_of(tensors, "meshgrid")
    for i, x in enumerate(vectors):
        if x.array.ndim > 1:
            raise RuntimeError(
                f"meshgrid: expected vectors, but tensor {i} has shape {list(x.array.shape)}"
            )
    count = len(vectors)
    place = list(range(count))
    if indexing == "xy" and count > 1:
        place[:2] = 1, 0
    grids = [
        reshape(x, tuple([-1 if axis == place[i] else 1 for axis in range(count)]))
        for i, x in enumerate(vectors)
    ]
    shape = common_shape([x.array.shape for x in grids])
    return tuple([expand(x, shape) for x in grids])
