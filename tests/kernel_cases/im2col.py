from functools import partial

import numpy as np

from . import Case, garbage

# Shape of X, kernel, stride, padding before, padding behind, dilation.
GEOMETRIES = [
    ((1, 1, 1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 1, 1)),
    ((2, 1, 5, 6, 3), (1, 3, 3), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((3, 1, 1, 9, 2), (1, 1, 4), (1, 1, 2), (0, 0, 1), (0, 0, 2), (1, 1, 1)),
    ((2, 4, 5, 6, 5), (2, 3, 2), (2, 1, 3), (1, 0, 1), (0, 2, 1), (1, 2, 1)),
    ((2, 1, 7, 9, 4), (1, 3, 2), (1, 2, 1), (0, 4, 2), (0, 3, 3), (1, 3, 4)),
    ((2, 3, 2, 2, 7), (3, 2, 2), (1, 1, 1), (2, 0, 1), (2, 0, 1), (2, 1, 1)),
    ((1, 1, 1, 2, 3), (1, 3, 5), (1, 1, 1), (0, 3, 4), (0, 3, 4), (1, 1, 1)),
    ((4, 1, 13, 11, 33), (1, 3, 3), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1)),
    ((0, 1, 3, 3, 2), (1, 2, 2), (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 1, 1)),
    ((2, 1, 3, 3, 0), (1, 2, 2), (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 1, 1)),
]


def places(shape, kernel, stride, padding, behind, dilation):
    """The places of the window along each axis."""
    axes = zip(shape[1:4], kernel, stride, padding, behind, dilation)
    return tuple((n + p + q - (k - 1) * d - 1) // s + 1 for n, k, s, p, q, d in axes)


def columns(geometry, part, rng, dtype):
    """All rows of the matrix, or some in the middle."""
    shape, kernel, stride, padding, _, dilation = geometry
    out = places(*geometry)
    rows = shape[0] * np.prod(out, dtype=int)
    start, end = (rows // 3, rows - rows // 5) if part else (0, rows)
    size = (end - start, int(np.prod(kernel)) * shape[4])
    return int(start), size, (kernel, out, stride, padding, dilation)


def forward(geometry, part, rng, dtype):
    start, size, rest = columns(geometry, part, rng, dtype)
    X = rng.standard_normal(geometry[0]).astype(dtype)
    return Case((X, garbage(size, dtype), start, *rest), outputs=(1,))


def backward(geometry, part, rng, dtype):
    start, size, rest = columns(geometry, part, rng, dtype)
    X = rng.standard_normal(geometry[0]).astype(dtype)
    return Case((rng.standard_normal(size).astype(dtype), X, start, *rest), outputs=(1,))


CASES = {
    "im2col": [partial(forward, g, part) for g in GEOMETRIES for part in (False, True)],
    "col2im": [partial(backward, g, part) for g in GEOMETRIES for part in (False, True)],
}
