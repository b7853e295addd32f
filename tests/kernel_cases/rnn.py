from functools import partial

from . import Case, garbage
from ._sequences import SEQUENCES, gate, normal, rows_of, weights


def forward(sequence, relu, rng, dtype):
    sizes, H, reverse = sequence
    R, N = rows_of(sizes)
    G, h = normal(rng, dtype, R, H), normal(rng, dtype, N, H)
    b = [normal(rng, dtype, H) for _ in range(2)]
    outputs = (garbage((R, H), dtype), garbage((R, H), dtype))
    args = (G, weights(rng, dtype, H, H), *b, relu, h, sizes, reverse, *outputs)
    return Case(args, outputs=(5, 8, 9), alias=((0, 9),))


def backward(sequence, relu, rng, dtype):
    sizes, H, reverse = sequence
    R, N = rows_of(sizes)
    Y = gate(rng, dtype, R, H, low=-0.95)
    dY, dh = normal(rng, dtype, R, H), normal(rng, dtype, N, H)
    W = weights(rng, dtype, H, H)
    args = (Y, dY, W, relu, dh, sizes, reverse, garbage((R, H), dtype))
    return Case(args, outputs=(4, 7))


CASES = {
    "rnn_forward": [partial(forward, s, relu) for s in SEQUENCES for relu in (False, True)],
    "rnn_backward": [partial(backward, s, relu) for s in SEQUENCES for relu in (False, True)],
}
