from functools import partial

from . import Case, garbage
from ._sequences import SEQUENCES, gate, normal, rows_of, weights

PROJECTED = [
    ((1,), 1, 1, False),
    ((3, 2, 2), 5, 3, True),
    ((9, 9, 4), 35, 34, False),
    # To more blocks than there are of the units: few rows, some, and enough for several threads.
    ((3, 2, 2), 5, 70, True),
    ((9, 9, 4), 3, 70, False),
    ((40, 33), 3, 500, False),
]
ALL = [*[(sizes, H, None, reverse) for sizes, H, reverse in SEQUENCES], *PROJECTED]


def forward(sequence, rng, dtype):
    sizes, H, projection, reverse = sequence
    R, N = rows_of(sizes)
    P = projection or H
    W_hr = weights(rng, dtype, P, H) if projection else None
    b = [normal(rng, dtype, 4 * H) for _ in range(2)]
    state = normal(rng, dtype, N, P), normal(rng, dtype, N, H)
    outputs = [garbage((R, n), dtype) for n in (P, H, H, P)]
    G, W_hh = normal(rng, dtype, R, 4 * H), weights(rng, dtype, 4 * H, P)
    args = (G, W_hh, *b, W_hr, *state, sizes, reverse, *outputs)
    return Case(args, outputs=(0, 5, 6, 9, 10, 11, 12))


def backward(sequence, rng, dtype):
    sizes, H, projection, reverse = sequence
    R, N = rows_of(sizes)
    P = projection or H
    W_hr = weights(rng, dtype, P, H) if projection else None
    G, S = gate(rng, dtype, R, 4 * H), gate(rng, dtype, R, H, low=-0.95)
    dY, Cprev = normal(rng, dtype, R, P), normal(rng, dtype, R, H)
    dh, dc = normal(rng, dtype, N, P), normal(rng, dtype, N, H)
    dP = garbage((R, P), dtype) if projection else None
    W_hh, dG = weights(rng, dtype, 4 * H, P), garbage((R, 4 * H), dtype)
    args = (G, dY, W_hh, W_hr, Cprev, S, dh, dc, sizes, reverse, dG, dP)
    return Case(args, outputs=(6, 7, 10, 11) if projection else (6, 7, 10))


CASES = {
    "lstm_forward": [partial(forward, s) for s in ALL],
    "lstm_backward": [partial(backward, s) for s in ALL],
}
