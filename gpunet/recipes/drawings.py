"""Drawings of circles and crosses, of random size, place and thickness, with noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.rng import Generator
from ..functions.data import from_numpy
from ..functions.sampling import rand, randint, randn
from ..utils.data import TensorDataset

__all__ = ["CLASSES", "SIZE", "drawings", "generator"]

CLASSES = ("circle", "cross")
#: Height and width in pixels.
SIZE = 16
#: Half the width of a figure's outline, from the middle of the stroke, in pixels.
RADII = (3.5, 7.0)
#: Radii of figures that fit into a quadrant.
SMALL = (2.0, 2.6)
_THICKNESS = (1.0, 2.2)
#: Standard deviation of the noise, where 1 is the brightness of a stroke.
_NOISE = (0.0, 0.2)


def generator(seed: int, stream: int) -> Generator:
    """A generator whose numbers depend on nothing but the two arguments."""
    return Generator().set_state({"seed": seed, "stream": stream, "offset": 0})


def drawings(
    count: int,
    generator: Generator,
    radii: tuple[float, float] = RADII,
    place: str = "anywhere",
) -> TensorDataset:
    """Circles and crosses in turn, bright on dark, with their classes.

    Parameters
    ----------
    count : int
    generator : Generator
    radii : (float, float)
        From the smallest to the largest figure.
    place : {"anywhere", "centre", "quadrant"}
        Anywhere within the image; within a pixel of its centre; wholly within one quadrant.

    Returns
    -------
    TensorDataset
        Images (N, 1, SIZE, SIZE) from 0 to 1, classes (N,).
    """

    def between(low: Any, high: Any) -> np.ndarray:
        return low + (high - low) * rand(count, generator=generator).array.astype(np.float64)

    kind = np.arange(count) % 2
    radius, thickness, level = between(*radii), between(*_THICKNESS), between(*_NOISE)
    reach = radius + thickness / 2
    centre = []
    for _ in range(2):
        middle = (SIZE - 1) / 2
        if place == "centre":
            centre.append(between(middle - 1.0, middle + 1.0))
            continue
        room = SIZE if place == "anywhere" else SIZE / 2
        found = between(reach - 0.5, room - 0.5 - reach)
        if place == "quadrant":
            found += SIZE / 2 * randint(0, 2, (count,), generator=generator).array
        centre.append(found)
    ink = _ink(kind, radius, thickness, centre[0], centre[1])
    noise = randn(count, SIZE, SIZE, generator=generator).array
    images = np.clip(ink + level[:, None, None] * noise, 0, 1).astype(np.float32)
    return TensorDataset(from_numpy(images[:, None]), from_numpy(kind.astype(np.int64)))


def _ink(
    kind: np.ndarray, radius: np.ndarray, thickness: np.ndarray, y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """How much of each pixel is covered, from its distance to the middle of the stroke."""

    def column(values: np.ndarray) -> np.ndarray:
        return values[:, None, None]

    i, j = np.mgrid[:SIZE, :SIZE]
    v, u, radius = i - column(y), j - column(x), column(radius)
    to_circle = abs(np.hypot(u, v) - radius)
    # The strokes of a cross are a little longer than a circle of its size is wide.
    half = 0.85 * np.sqrt(2) * radius
    along, across = (u + v) / np.sqrt(2), (u - v) / np.sqrt(2)
    to_cross = np.minimum(
        np.hypot(np.maximum(abs(along) - half, 0), across),
        np.hypot(np.maximum(abs(across) - half, 0), along),
    )
    distance = np.where(column(kind) == 0, to_circle, to_cross)
    return np.clip(column(thickness) / 2 + 0.5 - distance, 0, 1)
