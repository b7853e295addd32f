"""Pooling of channels-last images: the maximum and the average of every window.

Window o of an axis covers the positions ``o stride - padding + k dilation`` for each tap
``k < kernel``; those outside the image are left out. One axis each for depth, height and width;
images of fewer axes have axes of length 1 with windows of one element.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from ._namespace import namespace

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
]

Triple = tuple[int, int, int]


def max_pool_forward(
    X: Any, Y: Any, taps: Any, kernel: Triple, stride: Triple, padding: Triple, dilation: Triple
) -> None:
    """``Y[n, o, c] = max_k X[n, o stride - padding + k dilation, c]``, and where that was.

    NaN counts as larger than all numbers. Of several equal maxima the first is taken, in row-major
    order, and of several NaN the last. A window that has no element has -inf.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
        float32 or float64, C-contiguous.
    Y : array of shape (N, OD, OH, OW, C)
        Output.
    taps : array of shape (N, OD, OH, OW, C)
        Output: the tap ``(kd KH + kh) KW + kw`` of the maximum. uint8, or int32 where there are
        more than 256 taps.
    kernel, stride, padding, dilation : tuples of 3 int
        `padding` is that before the first element; what is behind follows from the shape of `Y`.
    """
    xp = namespace(X)
    _, KH, KW = kernel
    d, h, w = [
        xp.minimum(-((-xp.maximum(p - xp.arange(o) * s, 0)) // e), k - 1)
        for o, k, s, p, e in zip(Y.shape[1:4], kernel, stride, padding, dilation)
    ]
    first = (d[:, None, None] * KH + h[:, None]) * KW + w
    taps[...] = first[..., None].astype(taps.dtype)
    Y.fill(-xp.inf)
    for k, at, of in _windows(X.shape, Y.shape, kernel, stride, padding, dilation):
        x, y, t = X[of], Y[at], taps[at]
        larger = (x > y) | (x != x)
        y[...] = xp.where(larger, x, y)
        t[...] = xp.where(larger, taps.dtype.type(k), t)


def max_pool_backward(
    dY: Any, taps: Any, dX: Any, kernel: Triple, stride: Triple, padding: Triple, dilation: Triple
) -> None:
    """``dX`` is for each element the sum of ``dY`` over the windows of which it is the maximum.

    The sum is in the order of the windows.

    Parameters
    ----------
    dY, taps : array of shape (N, OD, OH, OW, C)
        C-contiguous; `taps` from `max_pool_forward`.
    dX : array of shape (N, D, H, W, C)
        Output, float32 or float64.
    kernel, stride, padding, dilation
        As there.
    """
    xp = namespace(dY)
    zero = dY.dtype.type(0)
    dX.fill(0)
    for k, at, of in _windows(dX.shape, dY.shape, kernel, stride, padding, dilation):
        dX[of] += xp.where(taps[at] == k, dY[at], zero)


def avg_pool_forward(
    X: Any,
    Y: Any,
    kernel: Triple,
    stride: Triple,
    padding: Triple,
    include_pad: bool,
    divisor: int,
) -> None:
    """``Y[n, o, c] = sum_k X[n, o stride - padding + k, c] / size``.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
        float32 or float64, C-contiguous.
    Y : array of shape (N, OD, OH, OW, C)
        Output.
    kernel, stride, padding : tuples of 3 int
        `padding` is that on either side.
    include_pad : bool
        Whether `size` counts the window's elements in the padding, which are zeros, too; what a
        window has beyond the padding never counts.
    divisor : int
        What `size` is in any case; 0 for the number of elements.
    """
    xp = namespace(X)
    Y.fill(0)
    for _, at, of in _windows(X.shape, Y.shape, kernel, stride, padding, (1, 1, 1)):
        Y[at] += X[of]
    Y /= _sizes(xp, X, Y, kernel, stride, padding, include_pad, divisor)


def avg_pool_backward(
    dY: Any,
    dX: Any,
    kernel: Triple,
    stride: Triple,
    padding: Triple,
    include_pad: bool,
    divisor: int,
) -> None:
    """``dX`` is for each element the sum of ``dY / size`` over the windows that it is in.

    Parameters
    ----------
    dY : array of shape (N, OD, OH, OW, C)
        float32 or float64, C-contiguous.
    dX : array of shape (N, D, H, W, C)
        Output.
    kernel, stride, padding, include_pad, divisor
        As in `avg_pool_forward`.
    """
    xp = namespace(dY)
    part = dY / _sizes(xp, dX, dY, kernel, stride, padding, include_pad, divisor)
    dX.fill(0)
    for _, at, of in _windows(dX.shape, dY.shape, kernel, stride, padding, (1, 1, 1)):
        dX[of] += part[at]


def _windows(
    image: Any, pooled: Any, kernel: Triple, stride: Triple, padding: Triple, dilation: Triple
) -> Iterator[tuple[int, Any, Any]]:
    """For each tap its number, the windows in which it lies inside the image, and where it lies."""
    axes = []
    for n, o, k, s, p, e in zip(image[1:4], pooled[1:4], kernel, stride, padding, dilation):
        axes.append([_axis(n, o, s, i * e - p) for i in range(k)])
    for k, places in enumerate(product(*axes)):
        at = (slice(None), *[place[0] for place in places])
        yield k, at, (slice(None), *[place[1] for place in places])


def _axis(n: int, windows: int, stride: int, offset: int) -> tuple[slice, slice]:
    """The windows o with ``0 <= o stride + offset < n``, and those positions."""
    low = max(0, -(offset // stride))
    high = max(low, min(windows, -((offset - n) // stride)))
    start = low * stride + offset
    return slice(low, high), slice(start, start + (high - low) * stride, stride)


def _sizes(
    xp: Any,
    image: Any,
    pooled: Any,
    kernel: Triple,
    stride: Triple,
    padding: Triple,
    include_pad: bool,
    divisor: int,
) -> Any:
    """What the sum of each window is divided by."""
    real = pooled.dtype
    if divisor:
        return real.type(divisor)
    lengths = []
    for n, o, k, s, p in zip(image.shape[1:4], pooled.shape[1:4], kernel, stride, padding):
        start = xp.arange(o) * s - p
        end = xp.minimum(start + k, n + p)
        if not include_pad:
            start, end = xp.maximum(start, 0), xp.minimum(end, n)
        lengths.append(end - start)
    d, h, w = lengths
    return (d[:, None, None, None] * h[:, None, None] * w[:, None]).astype(real)
