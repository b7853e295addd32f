from functools import partial

import numpy as np

from . import Case, garbage

SHAPES = [(1, 1, 1, 1), (2, 3, 5, 7), (3, 2, 4, 33), (1, 2, 70, 65), (2, 2, 3, 1100), (0, 2, 3, 4)]
# The axes on which a mask has its full length.
FULL = ["nhlt", "nt", "lt", "hlt", "nlt", "t"]


def mask_shape(shape, full):
    return tuple(n if axis in full else 1 for axis, n in zip("nhlt", shape))


def forward(shape, keep, bias, scale, causal, safe, rng, dtype):
    S = (3 * rng.standard_normal(shape)).astype(dtype)
    if keep is not None:
        keep = rng.uniform(size=mask_shape(shape, keep)) < 0.6
        # Each query sees a key, except for the first one, where that can be.
        keep[..., 0] = True
        keep[:, :, 0, :1] = not (safe and shape[3] > 1)
        if safe:
            keep[:1, :1, 0] = False
    if bias is not None:
        bias = rng.standard_normal(mask_shape(shape, bias)).astype(dtype)
        bias[rng.uniform(size=bias.shape) < 0.2] = -np.inf
        bias[..., 0] = 0.5
    args = (S, keep, bias, scale, causal, safe, garbage(shape, dtype))
    return Case(args, outputs=(6,), alias=((0, 6),))


def unseen(safe, rng, dtype):
    """Queries that see nothing, and NaN and infinities among the scores."""
    S = rng.standard_normal((2, 2, 3, 5)).astype(dtype)
    S[0, 0, 0, 2] = np.nan
    S[0, 0, 1, 3] = np.inf
    S[0, 1, 2] = -np.inf
    S[1, 0, 1, 0] = np.nan
    keep = np.ones((2, 1, 3, 5), bool)
    keep[1, 0, 2] = False
    keep[0, 0, 0, 2:] = False
    return Case((S, keep, None, 0.7, False, safe, garbage(S.shape, dtype)), outputs=(6,))


def backward(shape, scale, rng, dtype):
    dP = rng.standard_normal(shape).astype(dtype)
    P = rng.dirichlet(np.ones(shape[3]), shape[:3]).astype(dtype)
    return Case((dP, P, scale, garbage(shape, dtype)), outputs=(3,), alias=((0, 3),))


CASES = {
    "attention_softmax_forward": [
        *(partial(forward, s, None, None, 0.3, False, False) for s in SHAPES),
        *(partial(forward, s, None, None, 1.7, True, True) for s in SHAPES),
        *(partial(forward, s, full, None, 0.5, False, True) for s in SHAPES[1:4] for full in FULL),
        *(partial(forward, s, None, full, 0.5, True, False) for s in SHAPES[1:4] for full in FULL),
        *(
            partial(forward, (2, 3, 4, 40), one, other, -0.5, False, True)
            for one, other in zip(FULL, FULL[::-1])
        ),
        partial(unseen, True),
        partial(unseen, False),
    ],
    "attention_softmax_backward": [partial(backward, s, 0.3) for s in SHAPES],
}
