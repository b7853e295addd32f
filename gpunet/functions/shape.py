"""Other shapes of the same elements."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_dims, as_sizes
from .pad import pad

__all__ = [
    "flatten",
    "pad",
    "ravel",
    "reshape",
    "squeeze",
    "unflatten",
    "unsqueeze",
    "view",
]

_reshape = Operation(_ops.reshape_forward, _ops.reshape_backward)


def reshape(input: Variable, shape: Any) -> Any:
    """The elements in row-major order in another shape; a view where that is possible.

    Parameters
    ----------
    input : Tensor
    shape : tuple of int
        One size may be -1: what is left for it.

    Raises
    ------
    RuntimeError
        If the number of elements is another.
    """
    if type(shape) is not tuple:
        shape = as_sizes((shape,))
    try:
        if min(shape, default=0) < -1:
            raise ValueError
        return _reshape(input, shape=shape)
    except (ValueError, TypeError):
        sizes = as_sizes((shape,))  # a TypeError that says what is wrong
        if sizes.count(-1) > 1:
            raise RuntimeError(
                f"shape: only one dimension can be inferred, got {list(sizes)}"
            ) from None
        raise RuntimeError(
            f"shape '{list(sizes)}' is invalid for input of size {input.array.size}"
        ) from None


def view(input: Variable, *shape: Any) -> Any:
    """As `reshape`, but never a copy.

    Raises
    ------
    RuntimeError
        If the number of elements is another, or the elements in row-major order do not lie in
        memory so that the new shape can be a view of them.
    """
    sizes = as_sizes(shape)
    result = reshape(input, sizes)
    array = input.array
    if not array.flags.c_contiguous and not _viewable(array, result.array.shape):
        raise RuntimeError(
            f"view size {list(sizes)} is not compatible with the tensor's size "
            f"{list(array.shape)} and stride {[s // array.itemsize for s in array.strides]} (at "
            "least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return result


def _viewable(array: Any, shape: tuple[int, ...]) -> bool:
    """Whether strides exist for `shape` over the memory of `array`.

    The old axes fall into runs that lie contiguously in memory; each run must hold a whole number
    of new axes.
    """
    if not array.size:
        return True
    new = [n for n in reversed(shape) if n > 1]
    run, expected = 1, None
    axes = [(n, s) for n, s in zip(array.shape, array.strides) if n > 1]
    for n, stride in reversed(axes):
        if expected is not None and stride != expected:
            if not _fill(new, run):
                return False
            run = 1
        run *= n
        expected = stride * n
    return _fill(new, run)


def _fill(new: list[int], run: int) -> bool:
    """Take the sizes whose product is `run` from the front of `new`; False if there are none."""
    product = 1
    while product < run and new:
        product *= new.pop(0)
    return product == run


def flatten(input: Variable, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes `start_dim` to `end_dim` as one.

    Raises
    ------
    RuntimeError
        If `start_dim` comes after `end_dim`.
    """
    shape = input.array.shape
    start = as_dim(start_dim, len(shape), "start_dim")
    end = as_dim(end_dim, len(shape), "end_dim")
    if start > end:
        raise RuntimeError(
            f"flatten: start_dim cannot come after end_dim, got {start_dim} and {end_dim}"
        )
    if not shape:
        return _reshape(input, shape=(1,))
    if start == end:
        return input
    n = 1
    for size in shape[start : end + 1]:
        n *= size
    return _reshape(input, shape=(*shape[:start], n, *shape[end + 1 :]))


def ravel(input: Variable) -> Any:
    """All elements in row-major order, on one axis; a view where that is possible."""
    return _reshape(input, shape=(input.array.size,))


def unflatten(input: Variable, dim: int, sizes: Any) -> Any:
    """The axis `dim` as several, of the given `sizes`; one may be -1."""
    shape = input.array.shape
    dim = as_dim(dim, len(shape))
    sizes = as_sizes((sizes,))
    known = 1
    for n in sizes:
        known *= n if n != -1 else 1
    if sizes.count(-1) == 1 and known > 0 and shape[dim] % known == 0:
        sizes = tuple([shape[dim] // known if n == -1 else n for n in sizes])
    elif known != shape[dim] or -1 in sizes:
        raise RuntimeError(
            f"unflatten: sizes {list(sizes)} do not multiply up to the size of dim {dim} "
            f"({shape[dim]}) in the input tensor"
        )
    return _reshape(input, shape=(*shape[:dim], *sizes, *shape[dim + 1 :]))


def squeeze(input: Variable, dim: Any = None) -> Any:
    """Without the axes of length 1: all of them, or those among `dim`, a number or a tuple."""
    shape = input.array.shape
    if dim is None:
        return _reshape(input, shape=tuple([n for n in shape if n != 1]))
    dims = as_dims(dim, len(shape), "dim")
    return _reshape(input, shape=tuple([n for i, n in enumerate(shape) if n != 1 or i not in dims]))


def unsqueeze(input: Variable, dim: int) -> Any:
    """With a new axis of length 1 at `dim`."""
    shape = input.array.shape
    dim = as_dim(dim, len(shape) + 1)
    return _reshape(input, shape=(*shape[:dim], 1, *shape[dim:]))
