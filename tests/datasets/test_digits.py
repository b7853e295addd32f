"""The embedded digits: shapes, the fixed split, and the original."""

from __future__ import annotations

import numpy as np
import pytest

from gpunet.datasets import load_digits


def test_shapes_and_ranges():
    train_images, train_labels, test_images, test_labels = load_digits()
    assert train_images.shape == (1442, 1, 8, 8)
    assert test_images.shape == (355, 1, 8, 8)
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert labels.shape == (len(images),)
        assert images.flags.c_contiguous
        assert (images.min(), images.max()) == (0, 1)
        shares = np.bincount(labels) / len(labels)
        np.testing.assert_allclose(shares, 0.1, atol=0.005)


def test_the_parts_share_no_image():
    digits = load_digits()
    train = {image.tobytes() for image in digits.train_images}
    assert not train & {image.tobytes() for image in digits.test_images}


def test_the_arrays_belong_to_the_caller():
    load_digits().train_images[:] = 5
    assert load_digits().train_images.max() == 1


def test_equal_to_scikit_learns_copy():
    sklearn_datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is absent")
    bunch = sklearn_datasets.load_digits()
    digits = load_digits()
    held_out = np.zeros(1797, bool)
    for digit in range(10):
        held_out[np.flatnonzero(bunch.target == digit)[4::5]] = True
    for images, labels, rows in (
        (digits.train_images, digits.train_labels, ~held_out),
        (digits.test_images, digits.test_labels, held_out),
    ):
        np.testing.assert_array_equal(images[:, 0] * 16, bunch.images[rows])
        np.testing.assert_array_equal(labels, bunch.target[rows])
