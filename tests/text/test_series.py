"""Windows over a time series, and its normalisation."""

from __future__ import annotations

import numpy as np
import pytest

from gpunet.text import Normalizer, windows


def test_windows():
    X, Y = windows(np.arange(8), 3, 2)
    assert X.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert Y.tolist() == [[3, 4], [4, 5], [5, 6], [6, 7]]
    X, Y = windows(np.arange(8), 3, 2, step=2)
    assert (X[:, 0].tolist(), Y[:, 0].tolist()) == ([0, 2], [3, 5])
    both = np.stack([np.arange(6), 10 * np.arange(6)], 1)
    X, Y = windows(both, 2, 4)
    assert (X.shape, Y.shape) == ((1, 2, 2), (1, 4, 2))
    np.testing.assert_array_equal(np.concatenate([X[0], Y[0]]), both)
    assert not X.flags.writeable


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (np.zeros(4), (3, 2), r"expected at least 3 \+ 2 of them, got 4"),
        (np.zeros(()), (3, 2), r"expected shape \(T,\) or \(T, C\)"),
        (np.zeros(9), (0, 2), "length: expected a positive integer, got 0"),
        (np.zeros(9), (3, 1.5), "horizon: expected a positive integer, got 1.5"),
        (np.zeros(9), (3, 2, -1), "step: expected a positive integer, got -1"),
    ],
)
def test_what_has_no_windows(values, arguments, message):
    with pytest.raises(ValueError, match=message):
        windows(values, *arguments)


def test_the_normalizer():
    values = np.random.default_rng(1).normal(3, 5, (50, 3))
    values[:, 2] = 7
    normal = Normalizer().fit(values[:30])
    found = normal.transform(values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:30].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found[:30, :2].std(0), 1, rtol=1e-6)
    np.testing.assert_allclose(normal.inverse(found), values, rtol=1e-5)
    np.testing.assert_allclose(normal.inverse(found[:, 1], 1), values[:, 1], rtol=1e-5)
    with pytest.raises(ValueError, match="expected finite numbers"):
        normal.fit([1.0, np.nan])
    with pytest.raises(ValueError, match=r"expected shape \(T, C\) or \(T,\), got \(0,\)"):
        normal.fit([])
