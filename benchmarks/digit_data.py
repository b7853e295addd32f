"""The data of the cases: in-memory images of MNIST's shape, real where there are any."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Split", "digits", "mnist", "synthetic"]


class Split(NamedTuple):
    """Rows of pixels in 0 to 1, float32, and labels 0 to 9, int64; and where they are from."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    source: str


def synthetic(samples: int = 60_000, held_out: int = 10_000, seed: int = 0) -> Split:
    """Noisy copies of ten images of MNIST's size: as easy to learn as they are to make."""
    rng = np.random.default_rng(seed)
    prototypes = rng.uniform(size=(10, 784)).astype(np.float32)
    labels = rng.integers(0, 10, samples + held_out)
    rows = rng.random((samples + held_out, 784), dtype=np.float32)
    rows *= 0.5
    rows += 0.5 * prototypes[labels]
    return Split(
        rows[:samples], labels[:samples], rows[samples:], labels[samples:], "synthetic data"
    )


def digits() -> Split:
    """The embedded digits, 8x8."""
    from gpunet.datasets import load_digits

    found = load_digits()
    return Split(
        found.train_images.reshape(-1, 64), found.train_labels,
        found.test_images.reshape(-1, 64), found.test_labels, "the embedded digits",
    )  # fmt: skip


def mnist() -> Split:
    """MNIST where its files are (``GPUNET_DATA``, the cache), otherwise noise of its shape."""
    from gpunet.datasets import DatasetNotFound, load_mnist

    try:
        found = load_mnist(download=False)
    except DatasetNotFound:
        return synthetic()
    return Split(
        found.train_images.reshape(-1, 784), found.train_labels,
        found.test_images.reshape(-1, 784), found.test_labels, "MNIST",
    )  # fmt: skip
