from functools import partial

import numpy as np

from . import Case, garbage

SHAPES = [(1, 1), (3, 5), (33, 65), (64, 10), (5, 1300), (0, 4), (500, 10)]


def logits(shape, rng, dtype):
    X = rng.standard_normal(shape).astype(dtype) * 3
    if len(X) > 2:
        X[0] *= 3000  # exponentials of these overflow, and differ by more than all digits
        X[1, : shape[1] // 2] = -np.inf
    return X


def softmax_forward(shape, rng, dtype):
    return Case((logits(shape, rng, dtype), garbage(shape, dtype)), outputs=(1,), alias=((0, 1),))


def softmax_backward(shape, log, rng, dtype):
    dY = rng.standard_normal(shape).astype(dtype)
    P = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    Y = np.log(P) if log else P
    return Case((dY, Y, garbage(shape, dtype)), outputs=(2,), alias=((0, 2),))


def special(rng, dtype):
    """NaN and infinities."""
    X = rng.standard_normal((6, 7)).astype(dtype)
    X[0, 3] = np.nan
    X[1, 0] = np.nan
    X[2, 4] = np.inf
    X[3] = -np.inf
    X[4, 2] = -np.inf
    return X


def special_forward(rng, dtype):
    return Case((special(rng, dtype), garbage((6, 7), dtype)), outputs=(1,))


def labels_and_weight(shape, weighted, ignored, rng, dtype):
    M, C = shape
    labels = rng.integers(0, C, M)
    if ignored and M > 1:
        labels[:: 3 if ignored == "some" else 1] = -100
    return labels, rng.uniform(0.2, 2, C).astype(dtype) if weighted else None


def cross_entropy_forward(shape, weighted, ignored, smoothing, rng, dtype):
    M, C = shape
    labels, weight = labels_and_weight(shape, weighted, ignored, rng, dtype)
    X = logits(shape, rng, dtype)
    if M > 2:
        labels[1] = C - 1  # where the row is finite
        if smoothing:
            X[1] = 1
    outputs = (garbage((3, M), dtype), garbage(3, dtype))
    return Case((X, labels, weight, -100, smoothing, *outputs), outputs=(5, 6))


def cross_entropy_backward(shape, weighted, ignored, smoothing, mean, each, rng, dtype):
    M = shape[0]
    X = rng.standard_normal(shape).astype(dtype)
    labels, weight = labels_and_weight(shape, weighted, ignored, rng, dtype)
    top = X.max(axis=1)
    rows = np.stack([top, 1 / np.exp(X - top[:, None]).sum(axis=1), top]).astype(dtype)
    total = rng.uniform(1, 2, 3).astype(dtype)
    dloss = rng.standard_normal(M if each else 1).astype(dtype)
    dX = garbage(shape, dtype)
    args = (X, labels, weight, -100, smoothing, rows, total, dloss, mean, dX)
    return Case(args, outputs=(9,))


def nll_forward(shape, weighted, ignored, rng, dtype):
    labels, weight = labels_and_weight(shape, weighted, ignored, rng, dtype)
    X = rng.standard_normal(shape).astype(dtype)
    args = (X, labels, weight, -100, garbage(shape[:1], dtype), garbage(3, dtype))
    return Case(args, outputs=(4, 5))


def nll_backward(shape, weighted, ignored, mean, each, rng, dtype):
    labels, weight = labels_and_weight(shape, weighted, ignored, rng, dtype)
    total = rng.uniform(1, 2, 3).astype(dtype)
    dloss = rng.standard_normal(shape[0] if each else 1).astype(dtype)
    args = (labels, weight, -100, total, dloss, mean, garbage(shape, dtype))
    return Case(args, outputs=(6,))


# weighted, ignored, smoothing
SETTINGS = [
    (False, None, 0.0),
    (True, "some", 0.0),
    (False, "some", 0.2),
    (True, None, 0.3),
    (False, "all", 0.0),
]

CASES = {
    "softmax_forward": [*(partial(softmax_forward, s) for s in SHAPES), special_forward],
    "log_softmax_forward": [*(partial(softmax_forward, s) for s in SHAPES), special_forward],
    "softmax_backward": [partial(softmax_backward, s, False) for s in SHAPES],
    "log_softmax_backward": [partial(softmax_backward, s, True) for s in SHAPES],
    "cross_entropy_forward": [
        partial(cross_entropy_forward, shape, *setting) for shape in SHAPES for setting in SETTINGS
    ],
    "cross_entropy_backward": [
        partial(cross_entropy_backward, shape, *setting, mean, each)
        # A single class has the gradient 1 - 1, whose rounding errors are all there is.
        for shape in SHAPES[1:]
        for setting, mean, each in zip(
            SETTINGS, (True, True, False, False, False), (False, False, True, False, True)
        )
    ],
    "nll_forward": [
        partial(nll_forward, shape, *setting[:2]) for shape in SHAPES for setting in SETTINGS[:2]
    ],
    "nll_backward": [
        partial(nll_backward, shape, *setting, each)
        for shape in SHAPES
        for setting, each in zip(((False, None, True), (True, "some", False)), (False, True))
    ],
}
