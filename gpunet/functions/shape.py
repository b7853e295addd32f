"""Other shapes and other orders of the same elements."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Variable
from ..ops import shape as _ops
from ._arguments import as_dim, as_dims, as_sizes
from .conversion import clone
from .pad import pad

__all__ = [
    "broadcast_tensors",
    "broadcast_to",
    "expand",
    "expand_as",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "movedim",
    "pad",
    "permute",
    "ravel",
    "repeat",
    "repeat_interleave",
    "reshape",
    "roll",
    "squeeze",
    "swapaxes",
    "t",
    "tile",
    "transpose",
    "unflatten",
    "unsqueeze",
    "view",
]

_reshape = Function(_ops.reshape_forward, _ops.reshape_backward)
_permute = Function(_ops.permute_forward, _ops.permute_backward)
_expand = Function(_ops.expand_forward, _ops.expand_backward)
_repeat = Function(_ops.repeat_forward, _ops.repeat_backward)
_repeat_interleave = Function(_ops.repeat_interleave_forward, _ops.repeat_interleave_backward)
_flip = Function(_ops.flip_forward, _ops.flip_backward)
_roll = Function(_ops.roll_forward, _ops.roll_backward)


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
