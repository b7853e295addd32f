"""Channels into places and back, and channels among each other."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...functions.shape import reshape
from ...ops import shuffle as _ops

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]

_pixel_shuffle = Operation(_ops.pixel_shuffle_forward, _ops.pixel_shuffle_backward)
_pixel_unshuffle = Operation(_ops.pixel_unshuffle_forward, _ops.pixel_unshuffle_backward)
_channel_shuffle = Operation(_ops.channel_shuffle_forward, _ops.channel_shuffle_backward)


def pixel_shuffle(input: Variable, upscale_factor: int) -> Any:
    """``Y[c, h r + i, w r + j] = X[c r^2 + i r + j, h, w]``: channels become places.

    Parameters
    ----------
    input : Tensor of shape (*, C r^2, H, W)
    upscale_factor : int
        r.

    Returns
    -------
    Tensor of shape (*, C, H r, W r)

    Raises
    ------
    RuntimeError
        If the number of channels is no multiple of r^2.

    Source: Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient
    Sub-Pixel Convolutional Neural Network, 2016.
    """
    shape = _check("pixel_shuffle", input, "upscale_factor", upscale_factor)
    if shape[-3] % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={shape[-3]} is not divisible by "
            f"{upscale_factor**2}"
        )
    return _batchwise(_pixel_shuffle, input, upscale_factor)


def pixel_unshuffle(input: Variable, downscale_factor: int) -> Any:
    """The inverse of `pixel_shuffle`: places become channels.

    Parameters
    ----------
    input : Tensor of shape (*, C, H r, W r)
    downscale_factor : int
        r.

    Returns
    -------
    Tensor of shape (*, C r^2, H, W)

    Raises
    ------
    RuntimeError
        If height or width is no multiple of r.
    """
    shape = _check("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    for axis, name in ((-2, "height"), (-1, "width")):
        if shape[axis] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={shape[axis]} is not divisible by {downscale_factor}"
            )
    return _batchwise(_pixel_unshuffle, input, downscale_factor)


def channel_shuffle(input: Variable, groups: int) -> Any:
    """``Y[n, j g + i] = X[n, i C / g + j]``: the channels of g groups, one of each in turn.

    Parameters
    ----------
    input : Tensor of shape (N, C, *L)
    groups : int
        g, which divides C.

    Raises
    ------
    RuntimeError
        If it does not, or the input has fewer than 3 axes.

    Source: Zhang et al., ShuffleNet, 2018.
    """
    shape = input.array.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Got {groups}")
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    return _channel_shuffle(input, groups=groups)


def _check(name: str, input: Variable, what: str, factor: int) -> tuple[int, ...]:
    shape = input.array.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {len(shape)} "
            "dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {what}, but got {factor}")
    return shape


def _batchwise(operation: Operation, input: Variable, factor: int) -> Any:
    """The operation for (N, C, H, W) with any number of leading axes."""
    shape = input.array.shape
    if len(shape) == 4:
        return operation(input, factor=factor)
    n = 1
    for length in shape[:-3]:
        n *= length
    result = operation(reshape(input, (n, *shape[-3:])), factor=factor)
    return reshape(result, (*shape[:-3], *result.array.shape[1:]))
