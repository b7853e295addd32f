"""`Cutout`: a square of each image left out.

Source: T. DeVries and G. W. Taylor, "Improved regularization of convolutional neural networks with
cutout", arXiv:1708.04552, 2017.
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, Backend
from .arguments import pair
from .transform import Transform, whole_numbers

__all__ = ["Cutout"]


class Cutout(Transform):
    """Set a rectangle of each image, at a random place, to `fill`.

    Its centre is a pixel of the image, each equally likely: near the edges less is left out.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the rectangle.
    fill : float
        Default: 0.

    Raises
    ------
    ValueError
        If `size` is not positive.
    """

    def __init__(self, size: Any, fill: float = 0.0):
        self.size = pair("Cutout: size", size, 1)
        self.fill = fill

    def images_of(self, be: Backend, X: Array) -> Array:
        N = X.shape[0]
        inside = []
        for n, size in zip(X.shape[1:3], self.size):
            first = whole_numbers(be, X, (N, 1), 0, max(n - 1, 0)) - size // 2
            place = be.xp.arange(n, dtype="int64") - first
            inside.append((place >= 0) & (place < size))
        left_out = inside[0][:, :, None] & inside[1][:, None, :]
        return be.xp.where(left_out[..., None], X.dtype.type(self.fill), X)
