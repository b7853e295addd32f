from functools import partial

import numpy as np

from . import Case, garbage
from .norm import AFFINE, data, vectors

# Several rows to a wide row, with and without a rest; several blocks, several tiles.
SHAPES = [(2, 1), (3, 5), (33, 65), (200, 10), (4, 300), (1100, 3), (9000, 7), (70, 257)]


def forward(shape, affine, tracked, momentum, act, rng, dtype):
    C = shape[1]
    X = data(shape, rng, dtype)
    running = vectors(C, (tracked, tracked), rng, dtype)
    count = np.array(4) if tracked else None
    outputs = (garbage(shape, dtype), garbage(C, dtype), garbage(C, dtype))
    args = (X, *affine_of(C, affine, rng, dtype), *running, count, momentum, 1e-5, act, *outputs)
    written = (3, 4, 5, 9, 10, 11) if tracked else (9, 10, 11)
    return Case(args, outputs=written, rtol=tolerance(dtype))


def infer(shape, affine, act, rng, dtype):
    C = shape[1]
    X = rng.standard_normal(shape).astype(dtype)
    mean, var = vectors(C, (True, True), rng, dtype)
    weight, bias = affine_of(C, affine, rng, dtype)
    args = (X, weight, bias, mean, var, 1e-3, act, garbage(shape, dtype))
    return Case(args, outputs=(7,), alias=((0, 7),))


def backward(shape, affine, training, act, rng, dtype):
    C = shape[1]
    X, dY = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mean, rstd = vectors(C, (True, True), rng, dtype)
    weight, bias = affine_of(C, affine, rng, dtype)
    grads = (garbage(C, dtype), garbage(C, dtype))
    args = (dY, X, weight, bias, mean, rstd, training, act, garbage(shape, dtype), *grads)
    return Case(args, outputs=(8, 9, 10), rtol=tolerance(dtype))


def affine_of(C, affine, rng, dtype):
    """Weight and bias, each of both signs, or None."""
    return [rng.standard_normal(C).astype(dtype) if want else None for want in affine]


def tolerance(dtype):
    """For results over columns whose means are 30 times their deviations."""
    return 1e-4 if dtype == np.float32 else 1e-11


CASES = {
    "batch_norm_forward": [
        partial(forward, s, a, tracked, momentum, act)
        for s in SHAPES
        for a, tracked, momentum, act in zip(
            [*AFFINE, AFFINE[0]], (True, True, False, False), (0.1, -1.0, 0.1, 0.1), (0, 1, 0, 1)
        )
    ],
    "batch_norm_infer": [
        partial(infer, s, a, act) for s in [*SHAPES, (0, 4)] for a in AFFINE for act in (0, 1)
    ],
    "batch_norm_backward": [
        partial(backward, s, a, training, act)
        for s in SHAPES
        for a in (AFFINE[0], AFFINE[2])
        for training in (True, False)
        for act in (0, 1)
    ],
}
