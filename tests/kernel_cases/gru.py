from functools import partial

from . import Case, garbage
from ._sequences import SEQUENCES, gate, normal, rows_of, weights


def forward(sequence, rng, dtype):
    sizes, H, reverse = sequence
    R, N = rows_of(sizes)
    b = [normal(rng, dtype, 3 * H) for _ in range(2)]
    outputs = [garbage((R, H), dtype) for _ in range(3)]
    G, W_hh, h = (
        normal(rng, dtype, R, 3 * H),
        weights(rng, dtype, 3 * H, H),
        normal(rng, dtype, N, H),
    )
    return Case((G, W_hh, *b, h, sizes, reverse, *outputs), outputs=(0, 4, 7, 8, 9))


def backward(sequence, rng, dtype):
    sizes, H, reverse = sequence
    R, N = rows_of(sizes)
    G, dY, Hprev, M = gate(rng, dtype, R, 3 * H), *(normal(rng, dtype, R, H) for _ in range(3))
    W_hh, dh = weights(rng, dtype, 3 * H, H), normal(rng, dtype, N, H)
    outputs = [garbage((R, 3 * H), dtype) for _ in range(2)]
    return Case((G, dY, W_hh, Hprev, M, dh, sizes, reverse, *outputs), outputs=(5, 8, 9))


CASES = {
    "gru_forward": [partial(forward, s) for s in SEQUENCES],
    "gru_backward": [partial(backward, s) for s in SEQUENCES],
}
