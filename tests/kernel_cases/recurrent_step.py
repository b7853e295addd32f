from functools import partial

from . import Case, garbage
from ._sequences import normal, weights

GATES = (1, 1, 4, 3)
# sequences, inputs, units
SHAPES = [(1, 1, 1), (1, 5, 7), (3, 2, 17), (2, 33, 40), (0, 3, 4), (1, 64, 130)]


def step(shape, kind, rng, dtype):
    N, D, H = shape
    rows = GATES[kind] * H
    W_hh, W_ih = weights(rng, dtype, rows, H), weights(rng, dtype, rows, D)
    b_ih, b_hh = normal(rng, dtype, rows), normal(rng, dtype, rows)
    h, X, c = normal(rng, dtype, N, H), normal(rng, dtype, N, D), normal(rng, dtype, N, H)
    Y, C = garbage((N, H), dtype), garbage((N, H), dtype)
    args = (W_hh, h, W_ih, X, b_ih, b_hh, c, kind, Y, C)
    return Case(args, outputs=(8, 9) if kind == 2 else (8,))


CASES = {"recurrent_step": [partial(step, s, kind) for s in SHAPES for kind in range(4)]}
