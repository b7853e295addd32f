from functools import partial

import numpy as np

from . import Case, garbage
from .batch_norm import affine_of

# (N, S, C), groups. Several pixels to a wide row, several parts of a sample, several of a tile.
SHAPES = [
    ((2, 5, 6), 3),
    ((3, 4, 1), 1),
    ((1, 1, 8), 2),
    ((2, 33, 65), 65),
    ((70, 3, 4), 2),
    ((2, 2500, 12), 4),
    ((1, 40, 300), 1),
    ((0, 3, 4), 2),
]


def forward(shape, groups, affine, rng, dtype):
    N, _, C = shape
    # Channels of very different means, as sums of squares alone could not resolve them.
    X = (rng.standard_normal(shape) + rng.uniform(-30, 30, C)).astype(dtype)
    outputs = (garbage(shape, dtype), *(garbage((N, groups), dtype) for _ in range(2)))
    args = (X, *affine_of(C, affine, rng, dtype), groups, 1e-2, *outputs)
    return Case(args, outputs=(5, 6, 7), rtol=tolerance(dtype))


def backward(shape, groups, weighted, rng, dtype):
    N, _, C = shape
    X, dY = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mean = rng.standard_normal((N, groups)).astype(dtype)
    rstd = rng.uniform(0.5, 2, (N, groups)).astype(dtype)
    (weight,) = affine_of(C, (weighted,), rng, dtype)
    outputs = (garbage(shape, dtype), garbage(C, dtype), garbage(C, dtype))
    args = (dY, X, weight, mean, rstd, groups, *outputs)
    return Case(args, outputs=(6, 7, 8), rtol=tolerance(dtype))


def tolerance(dtype):
    return 1e-4 if dtype == np.float32 else 1e-11


CASES = {
    "group_norm_forward": [
        partial(forward, shape, groups, affine)
        for shape, groups in SHAPES
        for affine in ((True, True), (True, False), (False, False))
    ],
    "group_norm_backward": [
        partial(backward, shape, groups, weighted)
        for shape, groups in SHAPES
        for weighted in (True, False)
    ],
}
