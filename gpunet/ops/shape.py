"""Rearrangements: the same elements in another shape, order or place.

Each is a linear map that copies elements, so each gradient is the map backwards: where the forward
pass moves an element, the backward pass moves its gradient back; where it repeats one, the backward
pass sums.
"""

from __future__ import annotations

from typing import Any

from .broadcast import unbroadcast
from .channels import channels_first, channels_last
from .memory_order import is_channels_last, ordered_like

__all__ = [
    "cat_backward",
    "cat_forward",
    "expand_backward",
    "expand_forward",
    "flip_backward",
    "flip_forward",
    "permute_backward",
    "permute_forward",
    "repeat_backward",
    "repeat_forward",
    "repeat_interleave_backward",
    "repeat_interleave_forward",
    "reshape_backward",
    "reshape_forward",
    "roll_backward",
    "roll_forward",
    "split_backward",
    "split_forward",
    "stack_backward",
    "stack_forward",
    "unbind_backward",
    "unbind_forward",
]


def reshape_forward(be: Any, X: Any, shape: tuple[int, ...]) -> Any:
    """The elements of `X`, in row-major order, in `shape`. A view where strides allow it."""
    if not X.flags.c_contiguous and X.ndim > 2 and len(shape) == 2 and X.dtype.char in "fd":
        # Images in channels-last memory become rows: the one reshape of nearly every network that
        # has to move elements.
        N, last = X.shape[0], X.transpose(0, *range(2, X.ndim), 1)
        if last.flags.c_contiguous and shape in ((N, -1), (N, X.size // N)):
            return channels_first(be, last, (N, X.size // N)), (X.shape, True)
    return X.reshape(shape), (X.shape, False)


def reshape_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY`` in X's shape, and in its memory order."""
    shape, last = saved
    dX = dY.reshape(shape)
    if last:
        dX = be.xp.moveaxis(channels_last(be, dX), -1, 1)
    return (dX,)


def permute_forward(be: Any, X: Any, dims: tuple[int, ...]) -> Any:
    """A view whose axis i is axis ``dims[i]`` of `X`."""
    return X.transpose(dims), (dims,)


def permute_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """The inverse permutation of ``dY``'s axes."""
    (dims,) = saved
    inverse = [0] * len(dims)
    for i, dim in enumerate(dims):
        inverse[dim] = i
    return (dY.transpose(inverse),)


def expand_forward(be: Any, X: Any, shape: tuple[int, ...]) -> Any:
    """`X` repeated along axes of length 1 and new leading axes, as a view with strides of 0."""
    return be.xp.broadcast_to(X, shape), (X.shape,)


def expand_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the sum of ``dY`` over the repeated axes."""
    return (unbroadcast(dY, saved[0]),)


def repeat_forward(be: Any, X: Any, repeats: tuple[int, ...]) -> Any:
    """``Y[r_0 s_0 + i_0, ...] = X[i_0, ...]``: whole copies of `X` side by side.

    `repeats` is at least as long as X's shape ``(s_0, ...)``.
    """
    shape = (1,) * (len(repeats) - X.ndim) + X.shape
    # Axis k of Y is the axes (copy, place) of length (repeats[k], shape[k]), in that order.
    tiles = tuple([n for pair in zip(repeats, shape) for n in pair])
    Y = be.empty(tuple([r * s for r, s in zip(repeats, shape)]), X.dtype)
    Y.reshape(tiles)[...] = X.reshape(tuple([n for s in shape for n in (1, s)]))
    return Y, (X.shape, tiles)


def repeat_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the sum of ``dY`` over the copies."""
    shape, tiles = saved
    return (dY.reshape(tiles).sum(axis=tuple(range(0, len(tiles), 2))).reshape(shape),)


def repeat_interleave_forward(be: Any, X: Any, repeats: int, dim: int) -> Any:
    """Each slice of `X` along `dim`, `repeats` times in a row."""
    shape = X.shape
    pairs = (*shape[: dim + 1], repeats, *shape[dim + 1 :])
    Y = be.empty((*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]), X.dtype)
    Y.reshape(pairs)[...] = be.xp.expand_dims(X, dim + 1)
    return Y, (pairs, dim)


def repeat_interleave_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the sum of ``dY`` over the copies."""
    pairs, dim = saved
    return (dY.reshape(pairs).sum(axis=dim + 1),)


def cat_forward(be: Any, *arrays: Any, dim: int) -> Any:
    """The arrays one after the other along axis `dim`."""
    first = arrays[0].shape
    lengths = [X.shape[dim] for X in arrays]
    shape = (*first[:dim], sum(lengths), *first[dim + 1 :])
    order = next((X for X in arrays if is_channels_last(X)), arrays[0])
    Y = ordered_like(be, order, shape, arrays[0].dtype)
    be.xp.concatenate(arrays, dim, out=Y)
    return Y, (dim, lengths)


def cat_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """Each input's gradient is its part of ``dY``."""
    dim, lengths = saved
    return tuple(_parts(dY, lengths, dim))


def stack_forward(be: Any, *arrays: Any, dim: int) -> Any:
    """The arrays side by side along a new axis `dim`."""
    first = arrays[0].shape
    Y = be.empty((*first[:dim], len(arrays), *first[dim:]), arrays[0].dtype)
    be.xp.stack(arrays, dim, out=Y)
    return Y, (dim,)


def stack_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """Each input's gradient is its slice of ``dY``."""
    before = (slice(None),) * saved[0]
    return tuple(
        [dY[(*before, i, ...)] if need else None for i, need in enumerate(needs)],
    )


def split_forward(be: Any, X: Any, lengths: tuple[int, ...], dim: int) -> Any:
    """Views of the parts of `X` along `dim`, which have the given lengths."""
    parts = tuple(_parts(X, lengths, dim))
    return parts if len(parts) > 1 else parts[0], (X.shape, X.dtype, lengths, dim)


def split_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the gradients of the parts one after the other, zero for an unused part."""
    shape, dtype, lengths, dim = saved
    if len(lengths) == 1:
        return (dY,)
    dX = ordered_like(be, next(part for part in dY if part is not None), shape, dtype)
    for part, dPart in zip(_parts(dX, lengths, dim), dY):
        part[...] = 0 if dPart is None else dPart
    return (dX,)


def unbind_forward(be: Any, X: Any, dim: int) -> Any:
    """Views of the slices of `X` along `dim`."""
    before = (slice(None),) * dim
    slices = tuple([X[(*before, i, ...)] for i in range(X.shape[dim])])
    return slices if len(slices) > 1 else slices[0], (X.shape, X.dtype, dim)


def unbind_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the gradients of the slices side by side, zero for an unused slice."""
    shape, dtype, dim = saved
    if shape[dim] == 1:
        return (dY.reshape(shape),)
    dX = be.empty(shape, dtype)
    before = (slice(None),) * dim
    for i, dSlice in enumerate(dY):
        dX[(*before, i, ...)] = 0 if dSlice is None else dSlice
    return (dX,)


def _parts(X: Any, lengths: Any, dim: int) -> Any:
    before = (slice(None),) * dim
    start = 0
    for length in lengths:
        yield X[(*before, slice(start, start + length))]
        start += length


def flip_forward(be: Any, X: Any, dims: tuple[int, ...]) -> Any:
    """`X` in reverse order along `dims`."""
    return _flipped(be, X, dims), (dims,)


def flip_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` in reverse order along the same axes."""
    return (_flipped(be, dY, saved[0]),)


def _flipped(be: Any, X: Any, dims: tuple[int, ...]) -> Any:
    # A copy: kernels and BLAS do not take negative strides.
    Y = ordered_like(be, X, X.shape, X.dtype)
    Y[...] = be.xp.flip(X, dims)
    return Y


def roll_forward(be: Any, X: Any, shifts: Any, dims: Any) -> Any:
    """``Y[(i + shift) mod n] = X[i]`` along each of `dims`; in row-major order for None."""
    return be.xp.roll(X, shifts, dims), (shifts, dims)


def roll_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` shifted back."""
    shifts, dims = saved
    back = -shifts if isinstance(shifts, int) else tuple([-s for s in shifts])
    return (be.xp.roll(dY, back, dims),)
