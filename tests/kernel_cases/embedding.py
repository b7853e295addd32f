from functools import partial

import numpy as np

from . import Case, garbage

# Tokens, rows of the table, columns.
SHAPES = [(0, 3, 4), (1, 1, 1), (7, 3, 5), (300, 65, 33), (70, 200, 64), (4, 5, 0), (2900, 2, 33)]


def forward(T, V, D, rng, dtype):
    W = rng.standard_normal((V, D)).astype(dtype)
    return Case((rng.integers(0, V, T), W, garbage((T, D), dtype)), outputs=(2,))


def backward(T, V, D, rng, dtype):
    # Squared, so that some rows are named often.
    indices = (rng.random(T) ** 2 * V).astype(np.int64)
    dY = rng.standard_normal((T, D)).astype(dtype)
    return Case((dY, indices, garbage((V, D), dtype)), outputs=(2,))


CASES = {
    "embedding_forward": [partial(forward, *s) for s in SHAPES],
    "embedding_backward": [partial(backward, *s) for s in SHAPES],
}
