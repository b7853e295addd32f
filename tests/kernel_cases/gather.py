from functools import partial

from . import Case, garbage

# Rows taken, rows there are, columns.
SHAPES = [(0, 3, 4), (1, 1, 1), (7, 3, 5), (300, 65, 33), (4, 5, 0), (3, 9, 7001), (129, 40, 260)]


def gather(T, N, D, rng, dtype):
    X = rng.standard_normal((N, D)).astype(dtype)
    return Case((garbage((T, D), dtype), X, rng.integers(0, N, T)), outputs=(0,))


CASES = {"gather_rows": [partial(gather, *s) for s in SHAPES]}
