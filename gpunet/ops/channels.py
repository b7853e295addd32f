"""Arrays of shape (N, C, ...) as matrices with one column for each channel, and as images.

In channels-last memory, that is what they are::

    shape (N, C, H, W), memory (N, H, W, C)  ->  matrix (N H W, C), the same memory
                                             ->  image (N, 1, H, W, C), the same memory
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["as_image", "channels_first", "channels_last", "from_image", "from_rows", "rows_of"]


def channels_last(be: Any, X: Any) -> Any:
    """`X`, of shape (N, C, ...), as C-contiguous (N, ..., C): the same memory if it is so."""
    last = X.transpose(0, *range(2, X.ndim), 1)
    if last.flags.c_contiguous:
        return last
    Y = be.empty(last.shape, X.dtype)
    if X.flags.c_contiguous and X.dtype.char in "fd":
        N, C = X.shape[:2]
        P = X.size // (N * C)
        be.kernels.transpose_matrices(X.reshape(N, C, P), Y.reshape(N, P, C))
    else:
        Y[...] = last
    return Y


def channels_first(be: Any, last: Any, shape: tuple[int, ...]) -> Any:
    """The elements of C-contiguous (N, ..., C), in the order (N, C, ...), as a new array."""
    N, C = last.shape[0], last.shape[-1]
    P = last.size // (N * C)
    Y = be.empty(shape, last.dtype)
    be.kernels.transpose_matrices(last.reshape(N, P, C), Y.reshape(N, C, P))
    return Y


def rows_of(be: Any, X: Any) -> Any:
    """`X` as a C-contiguous matrix with the channels, axis 1 or the only one, as its columns."""
    if X.ndim == 2:
        return be.contiguous(X)
    if X.ndim == 1:
        return be.contiguous(X).reshape(1, X.size)
    last = channels_last(be, X)
    return last.reshape(math.prod(last.shape[:-1]), X.shape[1])


def from_rows(be: Any, rows: Any, shape: tuple[int, ...]) -> Any:
    """The inverse of `rows_of`, without a copy: an array of `shape` in channels-last memory."""
    if len(shape) == 2:
        return rows
    if len(shape) == 1:
        return rows.reshape(shape)
    return be.xp.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def as_image(be: Any, X: Any) -> Any:
    """`X`, of shape (N, C, *L) with one to three lengths, as C-contiguous (N, D, H, W, C)."""
    last = channels_last(be, X)
    if X.ndim == 4:
        N, H, W, C = last.shape
        return last.reshape(N, 1, H, W, C)
    return last if X.ndim == 5 else last[:, None, None]


def from_image(be: Any, image: Any, ndim: int) -> Any:
    """The inverse of `as_image`, without a copy: an array of `ndim` axes, channels-last memory."""
    if ndim == 4:
        return image[:, 0].transpose(0, 3, 1, 2)
    return image.transpose(0, 4, 1, 2, 3) if ndim == 5 else image[:, 0, 0].transpose(0, 2, 1)
