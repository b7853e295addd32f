from functools import partial

import numpy as np

from . import Case, garbage
from .im2col import GEOMETRIES, places

MORE = [
    ((2, 1, 8, 21, 5), (1, 3, 3), (1, 2, 2), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((2, 1, 9, 10, 3), (1, 5, 7), (1, 1, 1), (0, 2, 3), (0, 2, 3), (1, 1, 1)),
]
# 3 x 3 with channels enough for whole vectors, with a part of one, and none.
NINE = [
    ((3, 1, 32, 30, 34), (1, 3, 3), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((2, 1, 9, 10, 32), (1, 3, 3), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((2, 1, 9, 7, 16), (1, 3, 3), (1, 2, 1), (0, 0, 2), (0, 2, 0), (1, 2, 1)),
    ((3, 1, 4, 1, 48), (1, 3, 3), (1, 1, 1), (0, 2, 3), (0, 1, 2), (1, 1, 1)),
    ((2, 1, 1, 3, 16), (1, 3, 3), (1, 3, 1), (0, 1, 0), (0, 4, 0), (1, 1, 1)),
    ((2, 3, 4, 5, 16), (1, 3, 3), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((1, 1, 4, 5, 16), (1, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((1, 1, 4, 5, 16), (1, 3, 3), (1, 1, 1), (0, 1, 1), (2, 1, 1), (1, 1, 1)),
    ((2, 2, 6, 7, 32), (2, 5, 5), (1, 1, 1), (1, 2, 2), (0, 2, 2), (1, 1, 1)),
    ((2, 1, 3, 2, 16), (1, 1, 5), (1, 2, 1), (0, 0, 4), (0, 0, 5), (1, 1, 1)),
    ((2, 1, 5, 8, 16), (1, 3, 3), (1, 1, 2), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((2, 1, 5, 8, 16), (1, 3, 3), (1, 1, 1), (0, 1, 2), (0, 1, 2), (1, 1, 2)),
]
CONFIGURATIONS = [(g, m) for g in [*GEOMETRIES, *MORE] for m in (1, 3)] + [(g, 1) for g in NINE]


def arrays(geometry, m, rng, dtype):
    """X, W, bias and an array like Y."""
    shape, kernel = geometry[:2]
    out = (shape[0], *places(*geometry), shape[4] * m)
    shapes = shape, (*kernel, out[4]), (out[4],), out
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def options(geometry):
    _, _, stride, padding, _, dilation = geometry
    return stride, padding, dilation


def forward(geometry, m, biased, act, rng, dtype):
    X, W, bias, Y = arrays(geometry, m, rng, dtype)
    args = (X, W, bias if biased else None, garbage(Y.shape, dtype), *options(geometry), act)
    return Case(args, outputs=(3,))


def backward_input(geometry, m, rng, dtype):
    X, W, _, dY = arrays(geometry, m, rng, dtype)
    return Case((dY, W, garbage(X.shape, dtype), *options(geometry)), outputs=(2,))


def backward_weight(geometry, m, rng, dtype):
    X, W, _, dY = arrays(geometry, m, rng, dtype)
    args = (X, dY, garbage(W.shape, dtype), *options(geometry))
    return Case(args, outputs=(2,), rtol=1e-4 if np.dtype(dtype) == np.float32 else 1e-11)


CASES = {
    "depthwise_forward": [
        partial(forward, g, m, i % 3 > 0, i % 4) for i, (g, m) in enumerate(CONFIGURATIONS)
    ],
    "depthwise_backward_input": [partial(backward_input, g, m) for g, m in CONFIGURATIONS],
    "depthwise_backward_weight": [partial(backward_weight, g, m) for g, m in CONFIGURATIONS],
}
