from functools import partial

import numpy as np

from . import Case, garbage

SIZES = [1, 5, 130, 1000, 40_003, 0]
FLAGS = [(0, 0), (1, 0), (0, 1), (1, 1)]


def arrays(n, N, rng, dtype):
    return [rng.standard_normal(N).astype(dtype) for _ in range(n)]


def count_of(steps):
    return np.array([steps, 0.0])


def sgd(N, decay, maximize, rng, dtype):
    P, G = arrays(2, N, rng, dtype)
    return Case((P, G, np.array([0.1, 0.0, 0.0, 0.3]), decay, maximize), outputs=(0,))


def sgd_momentum(N, steps, nesterov, decay, maximize, rng, dtype):
    P, G, B = arrays(3, N, rng, dtype)
    hyper = np.array([0.1, 0.9, 0.0 if nesterov else 0.25, 0.3])
    args = (P, G, B, count_of(steps), hyper, nesterov, decay, maximize)
    return Case(args, outputs=(0, 2, 3))


def adam(N, steps, decay, maximize, amsgrad, rng, dtype):
    P, G, M, V, top = arrays(5, N, rng, dtype)
    averages = (M, V * V, top * top) if amsgrad else (M, V * V)
    hyper = np.array([0.02, 0.9, 0.99, 1e-6, 0.3])
    args = (P, G, *averages, count_of(steps), hyper, decay, maximize)
    return Case(args, outputs=(0, *range(2, 3 + len(averages))))


def squares(N, rng, dtype):
    (X,) = arrays(1, N, rng, dtype)
    return Case((X, garbage((1,), np.float64)), outputs=(1,), rtol=1e-12)


def many_squares(rng, dtype):
    """More elements than one grid has threads, and far from zero, where float32 sums drift."""
    X = rng.uniform(0.9, 1.1, 300_001).astype(dtype)
    return Case((X, garbage((1,), np.float64)), outputs=(1,), rtol=1e-12)


def clip(N, norm, rng, dtype):
    (X,) = arrays(1, N, rng, dtype)
    return Case((X, np.array([norm]), 2.5), outputs=(0,))


CASES = {
    "sgd_step": [partial(sgd, N, *f) for N in SIZES for f in FLAGS],
    "sgd_momentum_step": [
        partial(sgd_momentum, N, steps, nesterov, *f)
        for N in SIZES
        for steps in (0, 3)
        for nesterov in (0, 1)
        for f in FLAGS
    ],
    "adam_step": [
        partial(adam, N, steps, decay, maximize, False)
        for N in SIZES
        for steps in (0, 7)
        for decay in (0, 1, 2)
        for maximize in (0, 1)
    ],
    "amsgrad_step": [
        partial(adam, N, steps, decay, maximize, True)
        for N in SIZES
        for steps in (0, 7)
        for decay, maximize in ((0, 0), (1, 1), (2, 0))
    ],
    "sum_of_squares": [*(partial(squares, N) for N in SIZES), many_squares],
    "clip_scale": [partial(clip, N, norm) for N in SIZES for norm in (1.0, 7.0, np.inf, np.nan)],
}
