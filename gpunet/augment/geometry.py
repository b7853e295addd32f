"""Pixels as they are, in other places: flips, crops and shifts."""

from __future__ import annotations

from typing import Any

from ..backend import Array, Backend
from .arguments import fraction, one_of, pair
from .pixels import moved
from .transform import Transform, shares, whole_numbers

__all__ = ["RandomCrop", "RandomHorizontalFlip", "RandomShift"]

_MODES = ("constant", "edge", "reflect")


class RandomHorizontalFlip(Transform):
    """Exchange left and right in each image with probability `p`.

    Parameters
    ----------
    p : float
        From 0 to 1. Default: 0.5.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    """

    def __init__(self, p: float = 0.5):
        self.p = fraction("RandomHorizontalFlip: p", p)

    def images_of(self, be: Backend, X: Array) -> Array:
        N, H, W, _ = X.shape
        xp = be.xp
        flipped = shares(be, (N, 1)) < self.p
        x = xp.arange(W, dtype="int64")
        y = xp.broadcast_to(xp.arange(H, dtype="int64"), (N, H))
        return moved(be, X, y, xp.where(flipped, W - 1 - x, x), mode="edge")


class RandomCrop(Transform):
    """A part of each image, from a random place of the image with a border around it.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the part.
    padding : int or (int, int)
        Width of the border above and below, and left and right. Default: 0.
    fill : float
        What the border holds in mode "constant". Default: 0.
    padding_mode : {"constant", "edge", "reflect"}
        What the border holds: `fill`, the pixels at the edge, the image mirrored at these.

    Raises
    ------
    ValueError
        If `size` is not positive, `padding` is negative, or there is no such mode; in a call if
        an image with its border is smaller than `size`.
    """

    def __init__(
        self, size: Any, padding: Any = 0, fill: float = 0.0, padding_mode: str = "constant"
    ):
        self.size = pair("RandomCrop: size", size, 1)
        self.padding = pair("RandomCrop: padding", padding, 0)
        self.fill = fill
        self.padding_mode = one_of("RandomCrop: padding_mode", padding_mode, _MODES)

    def images_of(self, be: Backend, X: Array) -> Array:
        N = X.shape[0]
        places = []
        for n, size, padding in zip(X.shape[1:3], self.size, self.padding):
            room = n + 2 * padding - size
            if room < 0 or n == 0:
                raise ValueError(
                    f"RandomCrop: images: {X.shape[1]} x {X.shape[2]} pixels with a border of "
                    f"{self.padding} are smaller than {self.size[0]} x {self.size[1]}"
                )
            start = whole_numbers(be, X, (N, 1), -padding, room - padding)
            places.append(start + be.xp.arange(size, dtype="int64"))
        y, x = places
        return moved(be, X, y, x, self.fill, self.padding_mode)


class RandomShift(Transform):
    """Move each image by up to `pixels` whole pixels up or down, and left or right.

    Parameters
    ----------
    pixels : int or (int, int)
        At most so many, vertically and horizontally.
    fill : float
        What comes in from outside in mode "constant". Default: 0.
    padding_mode : {"constant", "edge", "reflect"}
        What comes in: see `RandomCrop`.

    Raises
    ------
    ValueError
        If `pixels` is negative, or there is no such mode.
    """

    def __init__(self, pixels: Any, fill: float = 0.0, padding_mode: str = "constant"):
        self.pixels = pair("RandomShift: pixels", pixels, 0)
        self.fill = fill
        self.padding_mode = one_of("RandomShift: padding_mode", padding_mode, _MODES)

    def images_of(self, be: Backend, X: Array) -> Array:
        places = [
            be.xp.arange(n, dtype="int64") - whole_numbers(be, X, (X.shape[0], 1), -most, most)
            for n, most in zip(X.shape[1:3], self.pixels)
        ]
        y, x = places
        return moved(be, X, y, x, self.fill, self.padding_mode)
