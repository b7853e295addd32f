"""Images keep the order in which their axes lie in memory: channels-last, or C order."""

from __future__ import annotations

from typing import Any

__all__ = ["is_channels_last", "ordered_like"]


def is_channels_last(X: Any) -> bool:
    """Whether the channels of `X`, of shape (N, C, L, ...), lie side by side, and its other axes
    in order around them.

    So do those of a part of such an array, with gaps; not those of an array in C order, as one
    with a single channel is.
    """
    if X.ndim < 3 or X.flags.c_contiguous or X.shape[1] == 1:
        return False
    before = X.strides[1]
    if before < X.itemsize:
        return False
    for i in (*range(X.ndim - 1, 1, -1), 0):
        if X.shape[i] > 1:
            if X.strides[i] <= before:
                return False
            before = X.strides[i]
    return True


def ordered_like(be: Any, X: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Uninitialised memory of `shape`, which has the axes of `X`: channels-last where `X` is so,
    otherwise in C order.
    """
    if not is_channels_last(X):
        return be.empty(shape, dtype)
    return be.xp.moveaxis(be.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)
