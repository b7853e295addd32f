"""Several tensors to one, and one to several."""

from __future__ import annotations

import functools
from typing import Any

from ..autograd import Function, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_sizes, tensors_of
from .conversion import cast
from .promotion import promote_types
from .shape import common_shape, expand, reshape, unsqueeze

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "cat",
    "chunk",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "meshgrid",
    "split",
    "stack",
    "tensor_split",
    "unbind",
    "vstack",
]

_cat = Function(_ops.cat_forward, _ops.cat_backward)
_stack = Function(_ops.stack_forward, _ops.stack_backward)


@functools.cache
def _split_into(count: int) -> Function:
    return Function(_ops.split_forward, _ops.split_backward, outputs=count)


@functools.cache
def _unbind_into(count: int) -> Function:
    return Function(_ops.unbind_forward, _ops.unbind_backward, outputs=count)


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


def split(tensor: Variable, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of the parts of the tensor along `dim`.

    Parameters
    ----------
    tensor : Tensor
    split_size_or_sections : int or list of int
        The length of each part, the last one maybe shorter; or all lengths.
    dim : int

    Raises
    ------
    RuntimeError
        If the lengths do not add up to that of the axis.
    """
    shape = tensor.array.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = as_dim(dim, len(shape))
    n = shape[dim]
    if isinstance(split_size_or_sections, tuple | list):
        lengths = as_sizes((split_size_or_sections,))
        if sum(lengths) != n or min(lengths, default=0) < 0:
            raise RuntimeError(
                f"split: split_size_or_sections: expected lengths that sum to {n}, the tensor's "
                f"size at dimension {dim}, got {list(lengths)}"
            )
    else:
        (size,) = as_sizes((split_size_or_sections,))
        if size < 0 or (size == 0 and n > 0):
            raise RuntimeError(
                f"split: split_size_or_sections: expected a positive length, got {size}, for a "
                f"dimension of size {n}"
            )
        full = n // size if size else 0
        rest = n - full * size
        lengths = (size,) * full + ((rest,) if rest or not full else ())
    return _split(tensor, lengths, dim)


def _split(tensor: Variable, lengths: tuple[int, ...], dim: int) -> tuple[Any, ...]:
    if not lengths:
        return ()
    parts = _split_into(len(lengths))(tensor, lengths=lengths, dim=dim)
    return parts if type(parts) is tuple else (parts,)


def chunk(input: Variable, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Views of `chunks` parts along `dim`, the last one maybe shorter, or fewer parts."""
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = input.array.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    dim = as_dim(dim, len(shape))
    if not shape[dim]:
        return _split(input, (0,) * chunks, dim)
    return split(input, -(-shape[dim] // chunks), dim)


def tensor_split(input: Variable, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of parts along `dim`: so many of nearly equal length, or cut at the given places."""
    shape = input.array.shape
    if not shape:
        raise RuntimeError("tensor_split expects at least a 1-dimensional tensor")
    dim = as_dim(dim, len(shape))
    n = shape[dim]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1:
            raise RuntimeError(
                f"tensor_split: the number of sections must be larger than 0, got "
                f"{indices_or_sections}"
            )
        each, longer = divmod(n, indices_or_sections)
        lengths = (each + 1,) * longer + (each,) * (indices_or_sections - longer)
        return _split(input, lengths, dim)
    if isinstance(indices_or_sections, Variable):
        indices_or_sections = indices_or_sections.array.tolist()
    cuts = [slice(cut).indices(n)[1] for cut in indices_or_sections]
    if cuts == sorted(cuts):
        return _split(input, tuple([b - a for a, b in zip([0, *cuts], [*cuts, n])]), dim)
    before = (slice(None),) * dim
    return tuple([input[(*before, slice(a, b))] for a, b in zip([0, *cuts], [*cuts, n])])


def unbind(input: Variable, dim: int = 0) -> tuple[Any, ...]:
    """Views of all slices along `dim`."""
    shape = input.array.shape
    if not shape:
        raise RuntimeError("unbind expects at least a 1-dimensional tensor")
    dim = as_dim(dim, len(shape))
    if not shape[dim]:
        return ()
    slices = _unbind_into(shape[dim])(input, dim=dim)
    return slices if type(slices) is tuple else (slices,)


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
