"""The windows of a convolution as rows of a matrix, and the way back.

    X, 3 x 3 pixels        columns for a kernel of 2 x 2, one row for each place of the window
    a b c                  a b d e
    d e f        ->        b c e f
    g h i                  d e g h
                           e f h i

A convolution is then one matrix product, ``columns @ W.T``. The matrix repeats each pixel once for
each element of the kernel, so it is made in tiles, some rows at a time.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from ._namespace import namespace

__all__ = ["col2im", "im2col"]


def im2col(
    X: Any,
    columns: Any,
    start: int,
    kernel: tuple[int, int, int],
    out: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
    dilation: tuple[int, int, int],
) -> None:
    """Rows `start` to ``start + T - 1`` of the matrix of windows::

        columns[r - start, kd, kh, kw, c] = X[n, od sd - pd + kd dd, oh sh - ph + kh dh,
                                              ow sw - pw + kw dw, c]

    where row r is that of window (n, od, oh, ow) in C order; 0 where the place is outside X.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
        float32 or float64, C-contiguous. One or two spatial dimensions: the first have length 1.
    columns : array of shape (T, KD KH KW C)
        Output, with the dtype of `X`, C-contiguous.
    start : int
    kernel : tuple of int
        KD, KH, KW.
    out : tuple of int
        OD, OH, OW: the places of the window along each axis.
    stride, padding, dilation : tuple of int
        Padding is that before the first element; `out` says how much there is behind the last.
    """
    xp = namespace(X)
    N, D, H, W, C = X.shape
    T = columns.shape[0]
    if not N * D * H * W:
        columns.fill(0)
        return
    pixels = X.reshape(N * D * H * W, C)
    windows = columns.reshape(T, kernel[0] * kernel[1] * kernel[2], C)
    n, *places = _unravel(xp.arange(start, start + T), out)
    for k, tap in enumerate(product(*map(range, kernel))):
        inside: Any = True
        pixel = n
        for o, size, i, s, p, d in zip(places, (D, H, W), tap, stride, padding, dilation):
            at = o * s + (i * d - p)
            inside = (at >= 0) & (at < size) & inside
            pixel = pixel * size + at
        pixel = xp.where(inside, pixel, 0)
        windows[:, k] = xp.where(inside[:, None], pixels[pixel], X.dtype.type(0))


def col2im(
    columns: Any,
    X: Any,
    start: int,
    kernel: tuple[int, int, int],
    out: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
    dilation: tuple[int, int, int],
) -> None:
    """Add to each element of `X` all elements of `columns` that `im2col` takes from it.

    It is a gather: for each element of X the taps (kd, kh, kw) in C order, so that the order of
    the sum is fixed.

    Parameters
    ----------
    columns : array of shape (T, KD KH KW C)
        Rows `start` to ``start + T - 1`` of a matrix of windows, as `im2col` makes it.
    X : array of shape (N, D, H, W, C)
        Added to, in place.
    start, kernel, out, stride, padding, dilation
        As in `im2col`.
    """
    xp = namespace(columns)
    N, D, H, W, C = X.shape
    T = columns.shape[0]
    if not T:
        return
    # The images that these rows belong to.
    per_image = out[0] * out[1] * out[2]
    first, last = start // per_image, (start + T - 1) // per_image + 1
    pixels = X.reshape(N, D * H * W, C)[first:last].reshape((last - first) * D * H * W, C)
    windows = columns.reshape(T, kernel[0] * kernel[1] * kernel[2], C)
    n, *places = _unravel(xp.arange(first * D * H * W, last * D * H * W), (D, H, W))
    for k, tap in enumerate(product(*map(range, kernel))):
        inside: Any = True
        row = n
        for at, size, i, s, p, d in zip(places, out, tap, stride, padding, dilation):
            o = at + (p - i * d)  # s times the place of the window, if that is a whole number
            inside = (o >= 0) & (o < size * s) & (o % s == 0) & inside
            row = row * size + o // s
        row -= start
        inside = inside & (row >= 0) & (row < T)
        row = xp.where(inside, row, 0)
        pixels += xp.where(inside[:, None], windows[row, k], columns.dtype.type(0))


def _unravel(i: Any, shape: tuple[int, int, int]) -> tuple[Any, Any, Any, Any]:
    """The indices of element i of an array of shape (N, *shape), in C order."""
    D, H, W = (max(size, 1) for size in shape)
    return i // (D * H * W), i // (H * W) % D, i // W % H, i % W
