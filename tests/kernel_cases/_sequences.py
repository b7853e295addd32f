"""Sequences for the recurrent kernels."""

import numpy as np

# sizes, H, reverse
SEQUENCES = [
    ((1,), 1, False),
    ((3,), 5, True),
    ((1, 1, 1, 1, 1), 33, False),
    ((2, 2, 2), 7, False),
    ((11, 11, 11), 40, True),
    ((5, 3, 3, 1), 6, False),
    ((13, 13, 9, 2), 35, True),
    ((4, 4), 300, False),
    ((), 4, False),
]


def normal(rng, dtype, *shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(dtype)


def gate(rng, dtype, *shape, low=0.05):
    return rng.uniform(low, 0.95, shape).astype(dtype)


def rows_of(sizes):
    return sum(sizes), max(sizes, default=3)


def weights(rng, dtype, rows, H):
    return normal(rng, dtype, rows, H, scale=1 / np.sqrt(H))
