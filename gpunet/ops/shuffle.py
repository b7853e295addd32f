"""Channels into places and back, and channels among each other: the same elements elsewhere.

Each is one copy, and each gradient is the copy back. Channels-last memory stays so.
"""

from __future__ import annotations

from typing import Any

from .memory_order import is_channels_last

__all__ = [
    "channel_shuffle_backward",
    "channel_shuffle_forward",
    "pixel_shuffle_backward",
    "pixel_shuffle_forward",
    "pixel_unshuffle_backward",
    "pixel_unshuffle_forward",
]


def pixel_shuffle_forward(be: Any, X: Any, factor: int) -> Any:
    """``Y[n, c, h r + i, w r + j] = X[n, (c r + i) r + j, h, w]`` with r the `factor`.

    Parameters
    ----------
    X : array of shape (N, C r r, H, W)
    factor : int
    """
    N, C, H, W = X.shape
    r = factor
    split = X.reshape(N, C // (r * r), r, r, H, W)
    if is_channels_last(X):
        Y = _copy(be, split.transpose(0, 4, 2, 5, 3, 1))
        return Y.reshape(N, H * r, W * r, C // (r * r)).transpose(0, 3, 1, 2), (r,)
    Y = _copy(be, split.transpose(0, 1, 4, 2, 5, 3))
    return Y.reshape(N, C // (r * r), H * r, W * r), (r,)


def pixel_shuffle_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """`pixel_unshuffle_forward` of ``dY``."""
    return (pixel_unshuffle_forward(be, dY, *saved)[0],)


def pixel_unshuffle_forward(be: Any, X: Any, factor: int) -> Any:
    """``Y[n, (c r + i) r + j, h, w] = X[n, c, h r + i, w r + j]`` with r the `factor`.

    Parameters
    ----------
    X : array of shape (N, C, H r, W r)
    factor : int
    """
    N, C, H, W = X.shape
    r = factor
    split = X.reshape(N, C, H // r, r, W // r, r)
    if is_channels_last(X):
        Y = _copy(be, split.transpose(0, 2, 4, 1, 3, 5))
        return Y.reshape(N, H // r, W // r, C * r * r).transpose(0, 3, 1, 2), (r,)
    Y = _copy(be, split.transpose(0, 1, 3, 5, 2, 4))
    return Y.reshape(N, C * r * r, H // r, W // r), (r,)


def pixel_unshuffle_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """`pixel_shuffle_forward` of ``dY``."""
    return (pixel_shuffle_forward(be, dY, *saved)[0],)


def channel_shuffle_forward(be: Any, X: Any, groups: int) -> Any:
    """``Y[n, j g + i] = X[n, i C / g + j]`` with g the number of `groups`.

    Parameters
    ----------
    X : array of shape (N, C, *L)
    groups : int
        Divides C.
    """
    N, C = X.shape[:2]
    split = X.reshape(N, groups, C // groups, *X.shape[2:])
    if is_channels_last(X):
        Y = _copy(be, split.transpose(0, *range(3, split.ndim), 2, 1))
        return be.xp.moveaxis(Y.reshape(N, *X.shape[2:], C), -1, 1), (C // groups,)
    return _copy(be, be.xp.swapaxes(split, 1, 2)).reshape(X.shape), (C // groups,)


def channel_shuffle_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """The shuffle with as many groups as there were channels in a group."""
    return (channel_shuffle_forward(be, dY, *saved)[0],)


def _copy(be: Any, X: Any) -> Any:
    Y = be.empty(X.shape, X.dtype)
    Y[...] = X
    return Y
