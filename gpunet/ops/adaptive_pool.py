"""Adaptive pooling: as many windows as are asked for, whatever the size of the image.

Window i of o over an axis of n elements covers those from ``floor(i n / o)`` to
``ceil((i + 1) n / o) - 1``. Where o divides n, that is ordinary pooling; otherwise windows overlap
and differ in size, and one axis is pooled after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from . import pool
from .channels import as_image, from_image

__all__ = [
    "adaptive_avg_pool_backward",
    "adaptive_avg_pool_forward",
    "adaptive_max_pool_backward",
    "adaptive_max_pool_forward",
    "adaptive_max_positions",
]


def adaptive_avg_pool_forward(be: Any, X: Any, out: tuple[int, ...]) -> Any:
    """``Y[n, c, i] = mean of X[n, c, j]`` over the j of window i.

    Parameters
    ----------
    X : array of shape (N, C, *L)
        Best in channels-last memory, which is also that of the output.
    out : tuple of 3 int
        The number of windows along D, H and W; 1 for axes that are not there.
    """
    kernel = _even(X.shape[2:], out)
    if kernel is not None:
        return pool.avg_pool_forward(be, X, out, kernel, kernel, (0, 0, 0), True, 0)
    image = as_image(be, X)
    shape = image.shape
    for axis in (3, 2, 1):
        pooled = be.empty(_with(image.shape, axis, out[axis - 1]), X.dtype)
        for here, there, _ in _windows(axis, image.shape[axis], out[axis - 1]):
            pooled[here] = image[there].mean(axis=axis, keepdims=True)
        image = pooled
    return from_image(be, image, X.ndim), (shape, X.ndim, out)


def adaptive_avg_pool_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is for each element the sum of ``dY / size`` over the windows that it is in."""
    shape, ndim, out = saved
    if len(out) != 3:  # what ordinary pooling saved
        return pool.avg_pool_backward(be, dY, saved, needs)
    image = as_image(be, dY)
    for axis in (1, 2, 3):
        before = be.zeros(_with(image.shape, axis, shape[axis]), dY.dtype)
        for here, there, size in _windows(axis, shape[axis], out[axis - 1]):
            before[there] += image[here] / size
        image = before
    return (from_image(be, image, ndim),)


def adaptive_max_pool_forward(be: Any, X: Any, out: tuple[int, ...]) -> Any:
    """``Y[n, c, i] = max of X[n, c, j]`` over the j of window i.

    Parameters
    ----------
    X, out
        As in `adaptive_avg_pool_forward`.
    """
    kernel = _even(X.shape[2:], out)
    if kernel is not None:
        return pool.max_pool_forward(be, X, out, kernel, kernel, (0, 0, 0), (1, 1, 1))
    image = as_image(be, X)
    shape, places = image.shape, []
    for axis in (3, 2, 1):
        pooled = be.empty(_with(image.shape, axis, out[axis - 1]), X.dtype)
        place = be.empty(pooled.shape, "int64")
        for here, there, _ in _windows(axis, image.shape[axis], out[axis - 1]):
            part = image[there]
            k = be.xp.expand_dims(part.argmax(axis=axis), axis)
            pooled[here] = be.xp.take_along_axis(part, k, axis)
            place[here] = k + (there[axis].start or 0)
        places.append((axis, place))
        image = pooled
    return from_image(be, image, X.ndim), (shape, X.ndim, out, places, None)


def adaptive_max_pool_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is for each element the sum of ``dY`` over the windows of which it is the maximum."""
    if len(saved) != 5:  # what ordinary pooling saved
        return pool.max_pool_backward(be, dY, saved, needs)
    shape, ndim, out, places, _ = saved
    image = as_image(be, dY)
    zero = dY.dtype.type(0)
    for axis, place in reversed(places):
        before = be.zeros(_with(image.shape, axis, shape[axis]), dY.dtype)
        numbers = be.xp.arange(shape[axis]).reshape((-1,) + (1,) * (4 - axis))
        for here, there, _ in _windows(axis, shape[axis], out[axis - 1]):
            chosen = numbers[there[axis]] == place[here]
            before[there] += be.xp.where(chosen, image[here], zero)
        image = before
    return (from_image(be, image, ndim),)


def adaptive_max_positions(be: Any, saved: Any) -> Any:
    """The places of the maxima in the (row-major) image of one channel, int64, of Y's shape."""
    if len(saved) != 5:
        return pool.max_positions(be, saved)
    shape, ndim, _, ((_, position), *rest), _ = saved
    for axis, place in rest:
        inner = be.xp.take_along_axis(position, place, axis)
        position = place * math.prod(shape[axis + 1 : 4]) + inner
    return from_image(be, position, ndim)


def _even(lengths: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, ...] | None:
    """The windows' lengths where all are the same and none overlap."""
    lengths = (1,) * (3 - len(lengths)) + tuple(lengths)
    if any(o == 0 or n % o for n, o in zip(lengths, out)):
        return None
    return tuple([n // o for n, o in zip(lengths, out)])


def _with(shape: tuple[int, ...], axis: int, length: int) -> tuple[int, ...]:
    return (*shape[:axis], length, *shape[axis + 1 :])


def _windows(axis: int, n: int, out: int) -> Iterator[tuple[Any, Any, int]]:
    """For each window its place in the pooled array, what it covers, and its length."""
    before = (slice(None),) * axis
    for i in range(out):
        start, end = i * n // out, -(-(i + 1) * n // out)
        yield (*before, slice(i, i + 1)), (*before, slice(start, end)), end - start
