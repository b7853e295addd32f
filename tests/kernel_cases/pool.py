from functools import partial

import numpy as np

from . import Case, garbage

# (N, D, H, W, C), kernel, stride, padding, dilation.
ONE, NONE = (1, 1, 1), (0, 0, 0)
GEOMETRIES = [
    ((2, 1, 6, 8, 5), (1, 2, 2), (1, 2, 2), NONE, ONE),
    ((3, 1, 33, 34, 16), (1, 2, 2), (1, 2, 2), NONE, ONE),
    ((2, 1, 7, 9, 3), (1, 2, 2), (1, 2, 2), (0, 1, 1), ONE),
    ((2, 1, 7, 6, 33), (1, 3, 3), (1, 2, 2), (0, 1, 1), ONE),
    ((1, 1, 1, 40, 2), (1, 1, 4), (1, 1, 3), (0, 0, 2), (1, 1, 2)),
    ((2, 5, 6, 7, 3), (2, 3, 2), (1, 2, 3), (1, 1, 0), (2, 1, 3)),
    ((2, 4, 5, 6, 4), (3, 2, 4), (2, 1, 1), (1, 1, 2), ONE),
    ((2, 7, 5, 6, 2), (2, 2, 3), (3, 4, 4), (1, 0, 1), (1, 2, 1)),
    ((1, 1, 18, 19, 3), (1, 17, 16), (1, 1, 2), (0, 8, 3), ONE),
    ((2, 1, 4, 4, 300), (1, 4, 4), (1, 4, 4), NONE, ONE),
    ((1, 1, 1, 1, 1), (1, 1, 1), ONE, NONE, ONE),
    ((2, 1, 1, 1, 3), (1, 2, 2), ONE, (0, 1, 1), (1, 2, 2)),
    ((0, 1, 4, 4, 3), (1, 2, 2), (1, 2, 2), NONE, ONE),
    ((2, 1, 4, 4, 0), (1, 2, 2), (1, 2, 2), NONE, ONE),
]
# Windows that reach beyond the padding behind the image, as with ceil_mode.
CEILED = [
    ((2, 1, 5, 7, 3), (1, 2, 2), (1, 2, 2), NONE, ONE),
    ((2, 6, 5, 8, 4), (3, 3, 2), (2, 3, 3), (1, 0, 1), ONE),
]


def windows(shape, kernel, stride, padding, dilation, ceil):
    lengths = []
    for n, k, s, p, e in zip(shape[1:4], kernel, stride, padding, dilation):
        length = (n + 2 * p - e * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
        # The last window does not start behind the image.
        lengths.append(length - (ceil and (length - 1) * s >= n + p))
    return (shape[0], *lengths, shape[4])


def taps_dtype(kernel):
    return np.uint8 if np.prod(kernel) <= 256 else np.int32


def max_forward(kind, geometry, ceil, rng, dtype):
    shape, kernel, stride, padding, dilation = geometry
    X = rng.standard_normal(shape)
    if kind == "ties":
        X = rng.integers(-1, 2, shape)
    X = X.astype(dtype)
    if kind == "special":
        X[rng.random(shape) < 0.5] = -np.inf
        X[rng.random(shape) < 0.2] = np.nan
    pooled = windows(*geometry, ceil)
    taps = np.full(pooled, 77, taps_dtype(kernel))
    args = (X, garbage(pooled, dtype), taps, kernel, stride, padding, dilation)
    return Case(args, outputs=(1, 2))


def max_backward(geometry, ceil, rng, dtype):
    shape, kernel, *rest = geometry
    pooled = windows(*geometry, ceil)
    dY = rng.standard_normal(pooled).astype(dtype)
    taps = rng.integers(0, np.prod(kernel), pooled).astype(taps_dtype(kernel))
    return Case((dY, taps, garbage(shape, dtype), kernel, *rest), outputs=(2,))


def avg_forward(include_pad, divisor, geometry, ceil, rng, dtype):
    shape, kernel, stride, padding, _ = geometry
    pooled = windows(shape, kernel, stride, padding, ONE, ceil)
    X = rng.standard_normal(shape).astype(dtype)
    args = (X, garbage(pooled, dtype), kernel, stride, padding, include_pad, divisor)
    return Case(args, outputs=(1,))


def avg_backward(include_pad, divisor, geometry, ceil, rng, dtype):
    shape, kernel, stride, padding, _ = geometry
    pooled = windows(shape, kernel, stride, padding, ONE, ceil)
    dY = rng.standard_normal(pooled).astype(dtype)
    args = (dY, garbage(shape, dtype), kernel, stride, padding, include_pad, divisor)
    return Case(args, outputs=(1,))


SHAPES = [(g, False) for g in GEOMETRIES] + [(g, True) for g in CEILED]
AVERAGES = [(True, 0), (False, 0), (True, 3)]
CASES = {
    "max_pool_forward": [
        partial(max_forward, kind, *s) for kind in ("plain", "ties", "special") for s in SHAPES
    ],
    "max_pool_backward": [partial(max_backward, *s) for s in SHAPES],
    "avg_pool_forward": [partial(avg_forward, *a, *s) for s in SHAPES for a in AVERAGES],
    "avg_pool_backward": [partial(avg_backward, *a, *s) for s in SHAPES for a in AVERAGES],
}
