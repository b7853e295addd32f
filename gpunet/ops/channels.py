"""Arrays of shape (N, C, ...) as matrices with one column for each channel.

In channels-last memory, that is what they are::

    shape (N, C, H, W), memory (N, H, W, C)  ->  matrix (N H W, C), the same memory
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["from_rows", "rows_of"]


def rows_of(be: Any, X: Any) -> Any:
    """`X` as a C-contiguous matrix with the channels, axis 1 or the only one, as its columns."""
    if X.ndim == 2:
        return be.contiguous(X)
    if X.ndim == 1:
        return be.contiguous(X).reshape(1, X.size)
    last = be.xp.moveaxis(X, 1, -1)
    if not last.flags.c_contiguous:
        rows = be.empty(last.shape, X.dtype)
        rows[...] = last
        last = rows
    return last.reshape(math.prod(last.shape[:-1]), X.shape[1])


def from_rows(be: Any, rows: Any, shape: tuple[int, ...]) -> Any:
    """The inverse of `rows_of`, without a copy: an array of `shape` in channels-last memory."""
    if len(shape) == 2:
        return rows
    if len(shape) == 1:
        return rows.reshape(shape)
    return be.xp.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
