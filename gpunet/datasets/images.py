"""What the loaders of images return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Images", "scaled"]


class Images(NamedTuple):
    """The two parts of a data set of images, as NumPy arrays that belong to the caller.

    Attributes
    ----------
    train_images, test_images : float32 array of shape (N, C, H, W)
        From 0 to 1.
    train_labels, test_labels : int64 array of shape (N,)
        The classes, from 0 on.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def scaled(bytes_: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Bytes as float32 from 0 to 1: divided by 255, as torchvision's ``ToTensor`` does it."""
    result: np.ndarray = np.divide(bytes_, np.float32(255), out=out)
    return result
