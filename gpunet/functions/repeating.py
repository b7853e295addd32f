"""The same elements several times: broadcasting and copies."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_sizes
from .shape import ravel

__all__ = [
    "broadcast_tensors",
    "broadcast_to",
    "expand",
    "expand_as",
    "repeat",
    "repeat_interleave",
    "tile",
]

_expand = Operation(_ops.expand_forward, _ops.expand_backward)
_repeat = Operation(_ops.repeat_forward, _ops.repeat_backward)
_repeat_interleave = Operation(_ops.repeat_interleave_forward, _ops.repeat_interleave_backward)


def expand(input: Variable, *sizes: Any) -> Any:
    """A view with axes of length 1 repeated to `sizes`, new axes in front; -1 keeps a size.

    Raises
    ------
    RuntimeError
        If an axis of another length would have to change.
    """
    target = as_sizes(sizes)
    shape = input.array.shape
    new = len(target) - len(shape)
    if new < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(target)}) must be greater or equal to "
            f"the number of dimensions in the tensor ({len(shape)})"
        )
    full = tuple([shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(target)])
    for i, n in enumerate(full):
        if n < 0 or (i >= new and n != shape[i - new] != 1):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size "
                f"({shape[i - new] if i >= new else 'none'}) at non-singleton dimension {i}. "
                f"Target sizes: {list(target)}. Tensor sizes: {list(shape)}"
            )
    return _expand(input, shape=full)


def broadcast_to(input: Variable, size: Any) -> Any:
    """As `expand`."""
    return expand(input, size)


def expand_as(input: Variable, other: Variable) -> Any:
    """`input` expanded to the shape of `other`."""
    return expand(input, other.array.shape)


def broadcast_tensors(*tensors: Variable) -> tuple[Any, ...]:
    """The tensors expanded to their common shape.

    Raises
    ------
    RuntimeError
        If they have none.
    """
    shape = common_shape([x.array.shape for x in tensors])
    return tuple([x if x.array.shape == shape else _expand(x, shape=shape) for x in tensors])


def common_shape(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that all of `shapes` broadcast to."""
    found: tuple[int, ...] = shapes[0] if shapes else ()
    for shape in shapes[1:]:
        if shape == found:
            continue
        ndim = max(len(found), len(shape))
        a, b = (1,) * (ndim - len(found)) + found, (1,) * (ndim - len(shape)) + shape
        for i, (m, n) in enumerate(zip(a, b)):
            if m != n and 1 not in (m, n):
                raise RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at "
                    f"non-singleton dimension {i}; the shapes are {list(found)} and {list(shape)}"
                )
        found = tuple([n if m == 1 else m for m, n in zip(a, b)])
    return found


def repeat(input: Variable, *repeats: Any) -> Any:
    """Copies of the tensor side by side, ``repeats[i]`` along axis i; new axes in front.

    Raises
    ------
    RuntimeError
        If there are fewer `repeats` than axes, or negative ones.
    """
    counts = as_sizes(repeats)
    if len(counts) < input.array.ndim or min(counts, default=0) < 0:
        raise RuntimeError(
            f"repeat: expected at least {input.array.ndim} numbers of repeats, none negative, for "
            f"a tensor of shape {list(input.array.shape)}, got {counts}"
        )
    return _repeat(input, repeats=counts)


def tile(input: Variable, *dims: Any) -> Any:
    """As `repeat`; missing numbers are ones for the leading axes."""
    counts = as_sizes(dims)
    return repeat(input, (1,) * (input.array.ndim - len(counts)) + counts)


def repeat_interleave(
    input: Variable, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each slice along `dim` several times in a row; of the flattened tensor for None.

    Parameters
    ----------
    input : Tensor
    repeats : int or Tensor
        How often; a tensor has one number for each slice. Its values decide the shape of the
        result, so a GPU is waited for.
    dim : int, optional
    output_size : int, optional
        Accepted for PyTorch's sake.
    """
    if dim is None:
        input, dim = ravel(input), 0
    if not input.array.ndim:
        input = ravel(input)
    dim = as_dim(dim, input.array.ndim)
    if not isinstance(repeats, Variable):
        if repeats < 0:
            raise RuntimeError(f"repeat_interleave: repeats cannot be negative, got {repeats}")
        return _repeat_interleave(input, repeats=repeats, dim=dim)
    from .scatter import repeat_by_counts  # which builds on this file

    return repeat_by_counts(input, repeats, dim)
