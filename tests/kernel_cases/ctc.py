from functools import partial

import numpy as np

from gpunet.kernels import reference

from . import Case, garbage

# T, N, C, S, blank, input lengths, target lengths.
SHAPES = [
    (1, 1, 2, 1, 0, [1], [1]),
    (5, 1, 3, 0, 1, [4], [0]),
    (9, 4, 4, 3, 0, [9, 7, 8, 9], [3, 2, 0, 3]),
    (12, 3, 5, 5, 4, [12, 12, 11], [5, 1, 4]),
    (4, 5, 3, 3, 1, [3, 0, 0, 4, 1], [3, 0, 2, 1, 2]),  # some targets do not fit
    (40, 2, 70, 19, 0, [40, 39], [19, 18]),
    (90, 2, 7, 40, 2, [90, 85], [40, 37]),
    (3, 0, 4, 2, 0, [], []),
]


def inputs(shape, rng, dtype):
    T, N, C, S, blank, steps, lengths = shape
    X = rng.standard_normal((T, N, C))
    X -= np.log(np.exp(X).sum(axis=2, keepdims=True))
    targets = rng.integers(0, C - 1, (N, S))
    targets[targets >= blank] += 1
    if S > 2:
        targets[:1, 1] = targets[:1, 0]  # a repeated label
    for n in range(N):
        targets[n, lengths[n] :] = -1  # is not read
    return (
        X.astype(dtype), targets, np.array(steps, np.int64), np.array(lengths, np.int64), blank
    )  # fmt: skip


def outputs(shape, dtype):
    T, N, _, S = shape[:4]
    return garbage((N, T, 2 * S + 1), dtype), garbage((N,), dtype)


def forward(shape, rng, dtype):
    return Case((*inputs(shape, rng, dtype), *outputs(shape, dtype)), outputs=(5, 6), rtol=4e-5)


def impossible(rng, dtype):
    """A class of no probability."""
    X, *rest = inputs(SHAPES[2], rng, dtype)
    X[:, 0, rest[0][0, 1]] = -np.inf
    X[3:5, 1] = -np.inf
    X[0, 3] = np.nan
    return Case((X, *rest, *outputs(SHAPES[2], dtype)), outputs=(5, 6))


def backward(shape, zero_infinity, rng, dtype):
    args = inputs(shape, rng, np.float64)
    alpha, losses = outputs(shape, np.float64)
    reference.KERNELS["ctc_forward"](*args, alpha, losses)
    dlosses = rng.uniform(0.5, 2, shape[1])
    X, alpha, losses, dlosses = (a.astype(dtype) for a in (args[0], alpha, losses, dlosses))
    dX = garbage(X.shape, dtype)
    return Case(
        (X, *args[1:], alpha, losses, dlosses, zero_infinity, dX), outputs=(9,),
        rtol=1e-4 if dtype == np.float32 else 1e-11,
    )  # fmt: skip


CASES = {
    "ctc_forward": [*(partial(forward, s) for s in SHAPES), impossible],
    "ctc_backward": [partial(backward, s, zero) for s in SHAPES for zero in (True, False)],
}
