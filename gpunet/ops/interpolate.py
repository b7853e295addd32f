"""Interpolation of images, one axis after the other.

Along an axis, output element o is a weighted sum of a few input elements, which are the same for
all rows: a product with a sparse matrix. The gradient is the product with its transpose.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .channels import as_image, from_image

__all__ = ["entries", "interpolate_backward", "interpolate_forward"]

#: The parameter of the cubic kernel (Keys, Cubic convolution interpolation, 1981), as PyTorch's.
_CUBIC = -0.75

#: An axis: 1 for the first, the lengths before and after, and how: see `entries`.
Step = tuple[int, int, int, str, float]


def interpolate_forward(be: Any, X: Any, steps: tuple[Step, ...]) -> Any:
    """`X` with other lengths.

    Parameters
    ----------
    X : array of shape (N, C, *L)
        Best in channels-last memory, which is also that of the output.
    steps : tuple of (axis, n, o, mode, scale)
        For each axis of (N, D, H, W, C) that changes: its number, its lengths before and after,
        and the last arguments of `entries`. Done in this order.
    """
    image = as_image(be, X)
    for axis, n, out, mode, scale in steps:
        image = _resampled(be, image, axis, out, _on_device(be, image, n, out, mode, scale, False))
    return from_image(be, image, X.ndim), (X.ndim, steps)


def interpolate_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """Each input element's gradient is the sum over the outputs that it is in, by their weights."""
    ndim, steps = saved
    image = as_image(be, dY)
    for axis, n, out, mode, scale in reversed(steps):
        image = _resampled(be, image, axis, n, _on_device(be, image, n, out, mode, scale, True))
    return (from_image(be, image, ndim),)


def _resampled(be: Any, image: Any, axis: int, length: int, table: Any) -> Any:
    shape = image.shape
    M, K = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    Y = be.empty((*shape[:axis], length, *shape[axis + 1 :]), image.dtype)
    be.kernels.resample(image.reshape(M, shape[axis], K), *table, Y.reshape(M, length, K))
    return Y


def _on_device(be: Any, image: Any, *key: Any) -> Any:
    return _table(be, be.device_of(image), image.dtype.char, *key)


@cache
def _table(
    be: Any, device: Any, char: str, n: int, out: int, mode: str, scale: float, transposed: bool
) -> Any:
    """Places and weights as the kernel takes them, on the device.

    They stay there for good: captured steps read them where they are.
    """
    places, weights = entries(n, out, mode, scale)
    if transposed:
        places, weights = _transposed(places, weights, n)
    return be.from_numpy(places, device), be.from_numpy(weights.astype(char), device)


def entries(n: int, out: int, mode: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Which of n elements make each of `out`, and with which weights: two matrices (out, E).

    Parameters
    ----------
    n, out : int
    mode : str
        With the position ``x = scale (o + 1/2) - 1/2`` in the input, ::

            nearest         floor(o scale)
            nearest-exact   floor((o + 1/2) scale)
            linear          between floor(x) and the next
            cubic           between the two before and the two after x
            linear-corners  linear, x = o scale
            cubic-corners   cubic, x = o scale

    scale : float
        The distance in the input of two neighbours in the output.
    """
    o = np.arange(out)
    if mode == "nearest" and out in (n, 2 * n):  # as in PyTorch, whatever the scale
        return o[:, None] * n // out, np.ones((out, 1))
    if mode.startswith("nearest"):
        # PyTorch's positions are float32, and so are where they fall.
        shift = np.float32(0.5 if mode == "nearest-exact" else 0)
        position = np.floor((o.astype(np.float32) + shift) * np.float32(scale))
        return np.minimum(position.astype(np.int64), n - 1)[:, None], np.ones((out, 1))
    kind, _, corners = mode.partition("-")
    x = o * scale if corners else (o + 0.5) * scale - 0.5
    if kind == "linear":
        x = np.maximum(x, 0)
        low = np.minimum(x.astype(np.int64), n - 1)
        t = np.clip(x - low, 0, 1)
        return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - t, t], 1)
    low = np.floor(x).astype(np.int64)
    t = x - low
    distances = np.stack([t + 1, t, 1 - t, 2 - t], 1)
    return np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1), _cubic(distances)


def _cubic(d: np.ndarray) -> np.ndarray:
    """The weight of an element at distance `d`, 0 to 2."""
    near = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * _CUBIC - 4 * _CUBIC
    return np.where(d <= 1, near, far)


def _transposed(places: np.ndarray, weights: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The entries of the n rows of the transposed matrix, in order, filled up with weight 0."""
    rows = np.repeat(np.arange(len(places)), places.shape[1])
    order = np.argsort(places.ravel(), kind="stable")
    counts = np.bincount(places.ravel(), minlength=n)
    width = max(1, counts.max(initial=0))
    column = np.arange(order.size) - np.repeat(np.cumsum(counts) - counts, counts)
    row = places.ravel()[order]
    back, factors = np.zeros((n, width), np.int64), np.zeros((n, width))
    back[row, column] = rows[order]
    factors[row, column] = weights.ravel()[order]
    return back, factors
