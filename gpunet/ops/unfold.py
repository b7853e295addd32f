"""The windows of an image as columns, and the sum of columns into an image."""

from __future__ import annotations

from typing import Any

__all__ = ["fold_backward", "fold_forward", "unfold_backward", "unfold_forward"]

Two = tuple[int, int]


def unfold_forward(
    be: Any, X: Any, out: Two, kernel: Two, stride: Two, padding: Two, dilation: Two
) -> Any:
    """``Y[n, (c, kh, kw), (oh, ow)] = X[n, c, oh sh - ph + kh dh, ow sw - pw + kw dw]``.

    Parameters
    ----------
    X : array of shape (N, C, H, W)
    out : tuple of int
        OH, OW: the places of the window.
    kernel, stride, padding, dilation : tuple of int

    Returns
    -------
    Y : array of shape (N, C KH KW, OH OW)
    saved : tuple
    """
    geometry = (out, kernel, stride, padding, dilation)
    return _columns(be, X, *geometry), (X.shape[2:], geometry)


def unfold_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """Each element of dX is the sum of the elements of dY that were taken from it: a `fold`."""
    size, geometry = saved
    return (_image(be, dY, size, *geometry),)


def fold_forward(
    be: Any, X: Any, size: Two, out: Two, kernel: Two, stride: Two, padding: Two, dilation: Two
) -> Any:
    """``Y[n, c, h, w]``: the sum of the elements of X that `unfold_forward` would take from there.

    Parameters
    ----------
    X : array of shape (N, C KH KW, OH OW)
    size : tuple of int
        H, W.
    out, kernel, stride, padding, dilation
        As in `unfold_forward`.

    Returns
    -------
    Y : array of shape (N, C, H, W)
        In channels-last memory.
    saved : tuple
    """
    geometry = (out, kernel, stride, padding, dilation)
    return _image(be, X, size, *geometry), geometry


def fold_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """Each element of dX is that of dY which it was added to: an `unfold`."""
    return (_columns(be, dY, *saved),)


def _columns(be: Any, X: Any, out: Two, kernel: Two, *rest: Two) -> Any:
    N, C, H, W = X.shape
    (OH, OW), (KH, KW) = out, kernel
    image = be.contiguous(X.transpose(0, 2, 3, 1)).reshape(N, 1, H, W, C)
    columns = be.empty((N * OH * OW, KH * KW * C), X.dtype)
    be.kernels.im2col(image, columns, 0, (1, KH, KW), (1, OH, OW), *_three(rest))
    # The kernel's order is (n, l, k, c); PyTorch's is (n, c, k, l).
    Y = be.empty((N, C * KH * KW, OH * OW), X.dtype)
    by_window = columns.reshape(N, OH * OW, KH * KW, C)
    Y.reshape(N, C, KH * KW, OH * OW)[...] = by_window.transpose(0, 3, 2, 1)
    return Y


def _image(be: Any, Y: Any, size: Two, out: Two, kernel: Two, *rest: Two) -> Any:
    (H, W), (OH, OW), (KH, KW) = size, out, kernel
    N, C = Y.shape[0], Y.shape[1] // (KH * KW)
    columns = be.empty((N, OH * OW, KH * KW, C), Y.dtype)
    columns[...] = Y.reshape(N, C, KH * KW, OH * OW).transpose(0, 3, 2, 1)
    image = be.zeros((N, 1, H, W, C), Y.dtype)
    rows = columns.reshape(N * OH * OW, KH * KW * C)
    be.kernels.col2im(rows, image, 0, (1, KH, KW), (1, OH, OW), *_three(rest))
    return image.reshape(N, H, W, C).transpose(0, 3, 1, 2)


def _three(geometry: tuple[Two, ...]) -> list[tuple[int, int, int]]:
    """Stride, padding and dilation with a depth, of one element, before height and width."""
    (sh, sw), (ph, pw), (dh, dw) = geometry
    return [(1, sh, sw), (0, ph, pw), (1, dh, dw)]
