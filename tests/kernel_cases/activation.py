from functools import partial

from . import Case, garbage

SHAPES = [(1, 1), (3, 5), (33, 65), (64, 10), (0, 4), (4, 0)]


def forward(shape, act, rng, dtype):
    Z = rng.standard_normal(shape).astype(dtype) * 3
    b = rng.standard_normal(shape[1]).astype(dtype)
    return Case((Z, b, act, garbage(shape, dtype)), outputs=(3,), alias=((0, 3),))


def backward(shape, act, rng, dtype):
    dY = rng.standard_normal(shape).astype(dtype)
    Y = rng.uniform(-0.9, 0.9, shape).astype(dtype)
    args = (dY, Y, act, garbage(shape, dtype), garbage(shape[1:], dtype))
    return Case(args, outputs=(3, 4), alias=((0, 3),))


CASES = {
    "bias_act_forward": [partial(forward, s, act) for s in SHAPES for act in range(4)],
    "bias_act_backward": [partial(backward, s, act) for s in SHAPES for act in range(4)],
}
