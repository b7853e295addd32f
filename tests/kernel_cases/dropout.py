from functools import partial

from . import Case, garbage
from .random import state


def dropout(n, p, rng, dtype):
    X = rng.standard_normal(n).astype(dtype)
    return Case((X, p, state(rng), 3, garbage((n,), dtype)), outputs=(4,), alias=((0, 4),))


CASES = {
    "dropout": [partial(dropout, n, p) for n in (0, 1, 3, 5, 1026) for p in (0.0, 0.3, 0.5, 1.0)]
}
