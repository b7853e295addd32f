"""Vectors as values inside Numba functions."""

import numpy as np
import pytest

pytest.importorskip("numba")

from gpunet.kernels.cpu._compile import kernel
from gpunet.kernels.cpu._simd import VECTOR_BYTES, multiply_add, nothing, put, take


@kernel
def weighted_sum(X, W, Y, at):
    """``Y[at:] = sum_i W X[i]``, of the rows whose first element is not negative."""
    weights, total = take(W, 0), nothing(X)
    for i in range(X.shape[0]):
        if X[i, 0] >= 0:
            total = multiply_add(take(X, i * X.shape[1]), weights, total)
    put(Y, at, total)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_in_registers(dtype):
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    # One element more than a vector, so that most places are not aligned.
    X, W = rng.standard_normal((9, lanes + 1)).astype(dtype), rng.random(lanes).astype(dtype)
    Y = np.full(lanes + 3, 7, dtype)
    weighted_sum(X, W, Y, 1)
    expected = (X[X[:, 0] >= 0, :lanes] * W).sum(0)
    np.testing.assert_allclose(Y[1 : lanes + 1], expected, rtol=1e-5)
    np.testing.assert_array_equal(Y[[0, -2, -1]], 7)
