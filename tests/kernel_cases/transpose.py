from functools import partial

from . import Case, garbage

SHAPES = [
    (0, 3, 4), (2, 0, 4), (1, 1, 1), (3, 5, 7), (2, 33, 31), (1, 70, 65), (5, 130, 40), (9, 49, 64),
    (4300, 1, 2),
]  # fmt: skip


def transpose(N, rows, columns, rng, dtype):
    X = rng.standard_normal((N, rows, columns)).astype(dtype)
    return Case((X, garbage((N, columns, rows), dtype)), outputs=(1,))


CASES = {"transpose_matrices": [partial(transpose, *s) for s in SHAPES]}
