from functools import partial

import numpy as np

from . import Case, garbage

SIZES = [1, 5, 1300, 0]


def arrays(n, kind, rng, dtype):
    X = rng.standard_normal(n).astype(dtype) * 3
    T = rng.uniform(0, 1, n).astype(dtype)
    if n > 4:
        X[0] = T[0]
        X[1] = np.nan
        X[2:4] = 1000, -1000  # exponentials of these overflow
    return X, T


def forward(n, kind, each, rng, dtype):
    X, T = arrays(n, kind, rng, dtype)
    L = garbage(n, dtype) if each else None
    total = None if each == 1 else garbage((), dtype)
    outputs = {0: (6,), 1: (5,), 2: (5, 6)}[each]
    return Case((X, T, kind, 0.7, 1.0 if each else 0.25, L, total), outputs=outputs)


def no_nan(n, kind, rng, dtype):
    X, T = rng.standard_normal((2, n)).astype(dtype)
    return Case((X, T, kind, 0.7, 0.25, None, garbage((), dtype)), outputs=(6,))


def backward(n, kind, each, rng, dtype):
    X, T = arrays(n, kind, rng, dtype)
    dL = rng.standard_normal(n if each else 1).astype(dtype)
    return Case((X, T, kind, 0.7, 0.25, dL, garbage(n, dtype)), outputs=(6,))


CASES = {
    "pointwise_loss_forward": [
        *(partial(forward, n, kind, each) for n in SIZES for kind in range(4) for each in range(3)),
        *(partial(no_nan, 1300, kind) for kind in range(4)),
    ],
    "pointwise_loss_backward": [
        partial(backward, n, kind, each) for n in SIZES for kind in range(4) for each in (0, 1)
    ],
}
