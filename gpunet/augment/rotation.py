"""`RandomRotation`: images turned about their centre."""

from __future__ import annotations

import math

from ..backend import Array, Backend
from .arguments import finite
from .pixels import gathered, rows_at
from .transform import Transform, shares

__all__ = ["RandomRotation", "rotated"]


class RandomRotation(Transform):
    """Turn each image about its centre by an angle from ``-degrees`` to ``degrees``.

    Between pixels values are interpolated bilinearly.

    Parameters
    ----------
    degrees : float
    fill : float
        What comes in from outside. Default: 0.

    Raises
    ------
    ValueError
        If `degrees` is negative or not finite; in a call if the images are no floating-point
        numbers.
    """

    def __init__(self, degrees: float, fill: float = 0.0):
        self.degrees = finite("RandomRotation: degrees", degrees)
        self.fill = fill

    def images_of(self, be: Backend, X: Array) -> Array:
        if X.dtype.kind != "f":
            raise ValueError(
                f"RandomRotation: images: expected floating-point numbers, got {X.dtype}"
            )
        most = math.radians(self.degrees)
        return rotated(be, X, (2 * shares(be, (X.shape[0],)) - 1) * most, self.fill)


def rotated(be: Backend, X: Array, angles: Array, fill: float) -> Array:
    """Images `X` (N, H, W, C), turned counterclockwise by `angles` (N,) in radians.

    With u and v from the centre to the right and downwards, the new pixel at (u, v) comes from
    ``(u cos - v sin, u sin + v cos)``.
    """
    xp = be.xp
    H, W = X.shape[1:3]
    sin, cos = xp.sin(angles)[:, None, None], xp.cos(angles)[:, None, None]
    v = (xp.arange(H, dtype="float32") - (H - 1) / 2).reshape(1, H, 1)
    u = (xp.arange(W, dtype="float32") - (W - 1) / 2).reshape(1, 1, W)
    y = u * sin + v * cos + (H - 1) / 2
    x = u * cos - v * sin + (W - 1) / 2
    above, left = xp.floor(y), xp.floor(x)
    down, right = y - above, x - left
    above, left = above.astype("int64"), left.astype("int64")
    Y = xp.zeros_like(X)
    for i, vertical in ((above, 1 - down), (above + 1, down)):
        for j, horizontal in ((left, 1 - right), (left + 1, right)):
            near_i, near_j = xp.clip(i, 0, H - 1), xp.clip(j, 0, W - 1)
            weight = (vertical * horizontal) * ((near_i == i) & (near_j == j))
            pixels = gathered(be, X, rows_at(be, X, near_i, near_j))
            if fill:
                pixels -= fill
            pixels *= weight[..., None].astype(X.dtype)
            Y += pixels
    if fill:
        Y += fill
    return Y
