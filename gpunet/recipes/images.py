"""Images and labels as the recipes take them."""

from __future__ import annotations

from typing import Any

from ..functions.data import from_numpy
from ..utils.data import TensorDataset

__all__ = ["datasets_of"]


def datasets_of(images: Any) -> tuple[TensorDataset, TensorDataset]:
    """The two parts of a data set of images as (training, held out)."""
    return (
        TensorDataset(from_numpy(images.train_images), from_numpy(images.train_labels)),
        TensorDataset(from_numpy(images.test_images), from_numpy(images.test_labels)),
    )
