"""One tensor to several, all views of it."""

from __future__ import annotations

import functools
from typing import Any

from ..autograd import Operation, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_sizes
from .indexing import getitem

__all__ = [
    "chunk",
    "split",
    "tensor_split",
    "unbind",
]


@functools.cache
def _split_into(count: int) -> Operation:
    return Operation(_ops.split_forward, _ops.split_backward, outputs=count)


@functools.cache
def _unbind_into(count: int) -> Operation:
    return Operation(_ops.unbind_forward, _ops.unbind_backward, outputs=count)


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
    return tuple([getitem(input, (*before, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n])])


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
