from functools import partial

import numpy as np

from . import Case, garbage

# M, rows of X, K, rows of Y, entries of a row.
SHAPES = [
    (3, 5, 7, 4, 2), (1, 1, 1, 1, 1), (0, 3, 4, 2, 2), (2, 3, 0, 2, 2), (40, 9, 33, 17, 3),
    (5, 6, 4, 3, 0), (700, 4, 3, 8, 2),
]  # fmt: skip


def resample(M, rows, K, windows, entries, rng, dtype):
    X = rng.standard_normal((M, rows, K)).astype(dtype)
    weights = rng.standard_normal((windows, entries)).astype(dtype)
    places = rng.integers(0, rows, (windows, entries))
    # What has no weight is not read: these rows hold NaN, and are named with weight 0 only.
    if rows > 3:
        X[:, -1] = np.nan
        weights[places == rows - 1] = 0
    return Case((X, places, weights, garbage((M, windows, K), dtype)), outputs=(3,))


CASES = {"resample": [partial(resample, *s) for s in SHAPES]}
