from functools import partial

import numpy as np

from . import Case, garbage

SHAPES = [(300, 130), (1, 1), (3, 5), (33, 65), (64, 10), (0, 4), (4, 0)]


def forward(shape, act, rng, dtype):
    Z = rng.standard_normal(shape).astype(dtype) * 3
    b = rng.standard_normal(shape[1]).astype(dtype)
    return Case((Z, b, act, garbage(shape, dtype)), outputs=(3,), alias=((0, 3),))


def backward(shape, act, rng, dtype):
    dY = rng.standard_normal(shape).astype(dtype)
    Y = rng.uniform(-0.9, 0.9, shape).astype(dtype)
    args = (dY, Y, act, garbage(shape, dtype), garbage(shape[1:], dtype))
    return Case(args, outputs=(3, 4), alias=((0, 3),))


def layer(shape, act, rng, dtype):
    Z = rng.standard_normal(shape).astype(dtype) * 3
    b = rng.standard_normal(shape[1]).astype(dtype)
    return Case((Z, b, act, garbage(shape, dtype)), outputs=(0, 3))


# Parameters of each activation, by code.
PARAMETERS = {4: (0.01, 0), 5: (1.5, 0), 9: (2.0, 5.0), 10: (-1.0, 1.5)}
EDGES = [0.0, -0.0, 1e-30, -1e-30, 1.5, -1.0, 30.0, -30.0, 90.0, -90.0]


def values(n, rng, dtype):
    X = rng.standard_normal(n).astype(dtype) * 3
    X[: len(EDGES)] = np.array(EDGES[:n], dtype)
    return X


def alone_forward(n, act, rng, dtype):
    X = values(n, rng, dtype)
    if n > 12:  # for the later ones infinity is 0 times infinity somewhere
        X[10:13] = np.nan, np.inf if act < 7 else 2.0, -np.inf if act < 4 else 2.0
    a, b = PARAMETERS.get(act, (0.0, 0.0))
    return Case((X, act, a, b, garbage((n,), dtype)), outputs=(4,), alias=((0, 4),))


def alone_backward(n, act, rng, dtype):
    S = rng.uniform(-0.9, 0.9, n).astype(dtype) if act in (2, 3) else values(n, rng, dtype)
    a, b = PARAMETERS.get(act, (0.0, 0.0))
    args = (rng.standard_normal(n).astype(dtype), S, act, a, b, garbage((n,), dtype))
    return Case(args, outputs=(5,), alias=((0, 5),))


SIZES = [0, 1, 333]
# Several tiles, the last one not full, and parameters.
LARGE = [(40_001, 1), (40_001, 5), (40_001, 10)]
CASES = {
    "activation_forward": [
        partial(alone_forward, n, a)
        for n, a in [*((n, a) for n in SIZES for a in range(1, 13)), *LARGE]
    ],
    "activation_backward": [
        partial(alone_backward, n, a)
        for n, a in [*((n, a) for n in SIZES for a in range(1, 13)), *LARGE]
    ],
    "layer_forward": [partial(layer, s, act) for s in SHAPES for act in range(4)],
    "bias_act_forward": [partial(forward, s, act) for s in SHAPES for act in range(4)],
    "bias_act_backward": [partial(backward, s, act) for s in SHAPES for act in range(4)],
}
