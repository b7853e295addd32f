"""Pooling: the maximum and the average of the windows of an image.

Window o of an axis covers the positions ``o stride - padding + k dilation`` for ``k < kernel``.
Images have shape (N, C, *L) with one to three lengths; the kernels see them as (N, D, H, W, C).
"""

from __future__ import annotations

import math
from typing import Any

from .channels import as_image, from_image

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
    "max_positions",
    "max_unpool_backward",
    "max_unpool_forward",
]


def max_pool_forward(
    be: Any, X: Any, out: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Any:
    """``Y[n, c, o] = max_k X[n, c, o stride - padding + k dilation]``.

    Parameters
    ----------
    X : array of shape (N, C, *L)
        Best in channels-last memory, which is also that of the output.
    out, kernel, stride, padding, dilation : tuples of 3 int
        The windows of each axis and how they lie; 1, 1, 1, 0, 1 for axes that are not there.
    """
    image = as_image(be, X)
    Y = be.empty((image.shape[0], *out, image.shape[4]), X.dtype)
    # What backward needs is only where in its window each maximum was.
    taps = be.empty(Y.shape, "uint8" if math.prod(kernel) <= 256 else "int32")
    how = (kernel, stride, padding, dilation)
    be.kernels.max_pool_forward(image, Y, taps, *how)
    return from_image(be, Y, X.ndim), (taps, image.shape, X.ndim, how)


def max_pool_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is for each element the sum of ``dY`` over the windows of which it is the maximum."""
    taps, shape, ndim, how = saved
    dX = be.empty(shape, dY.dtype)
    be.kernels.max_pool_backward(as_image(be, dY), taps, dX, *how)
    return (from_image(be, dX, ndim),)


def max_positions(be: Any, saved: Any) -> Any:
    """The places of the maxima in the (row-major) image of one channel, int64, of Y's shape."""
    taps, shape, ndim, (kernel, stride, padding, dilation) = saved
    xp = be.xp
    position = xp.zeros((), "int64")
    tap = taps.astype("int64")
    for axis in range(3):
        below = math.prod(kernel[axis + 1 :])
        k = tap // below % kernel[axis]
        start = xp.arange(taps.shape[axis + 1]) * stride[axis] - padding[axis]
        start = start.reshape((-1,) + (1,) * (3 - axis))
        position = position * shape[axis + 1] + (start + k * dilation[axis])
    return from_image(be, position, ndim)


def max_unpool_forward(be: Any, X: Any, indices: Any, out: tuple[int, ...]) -> Any:
    """``Y[n, c, indices[n, c, i]] = X[n, c, i]``, zero elsewhere.

    Parameters
    ----------
    X : array of shape (N, C, *L)
    indices : int64 array of the same shape
        Places in the (row-major) image of one channel.
    out : tuple of int
        The lengths of the output's axes.

    Raises
    ------
    IndexError
        If a place is outside the image. A GPU is not waited for: there Y begins with NaN.
    """
    N, C = X.shape[:2]
    xp, size = be.xp, math.prod(out)
    Y = be.zeros((N, *(1,) * (3 - len(out)), *out, C), X.dtype)
    places = as_image(be, indices)
    inside = (places >= 0) & (places < size)
    sample = xp.arange(N).reshape(N, 1, 1, 1, 1) * size
    places = xp.where(inside, (sample + places) * C + xp.arange(C), Y.size)
    Y.reshape(-1)[places.reshape(-1)] = xp.where(
        inside, as_image(be, X), X.dtype.type("nan")
    ).reshape(-1)
    return from_image(be, Y, X.ndim), (places, X.ndim)


def max_unpool_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX[n, c, i] = dY[n, c, indices[n, c, i]]``."""
    places, ndim = saved
    return from_image(be, as_image(be, dY).reshape(-1)[places], ndim), None


def avg_pool_forward(
    be: Any,
    X: Any,
    out: tuple[int, ...],
    kernel: Any,
    stride: Any,
    padding: Any,
    include_pad: bool,
    divisor: int,
) -> Any:
    """``Y[n, c, o] = sum_k X[n, c, o stride - padding + k] / size``.

    Parameters
    ----------
    X, out, kernel, stride, padding
        As in `max_pool_forward`.
    include_pad : bool
        Whether `size`, the number of elements of a window, counts those in the padding.
    divisor : int
        What `size` is in any case, unless 0.
    """
    image = as_image(be, X)
    Y = be.empty((image.shape[0], *out, image.shape[4]), X.dtype)
    how = (kernel, stride, padding, include_pad, divisor)
    be.kernels.avg_pool_forward(image, Y, *how)
    return from_image(be, Y, X.ndim), (image.shape, X.ndim, how)


def avg_pool_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is for each element the sum of ``dY / size`` over the windows that it is in."""
    shape, ndim, how = saved
    dX = be.empty(shape, dY.dtype)
    be.kernels.avg_pool_backward(as_image(be, dY), dX, *how)
    return (from_image(be, dX, ndim),)
