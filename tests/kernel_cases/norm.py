from functools import partial

from . import Case, garbage

SHAPES = [(2, 1), (3, 5), (33, 65), (200, 10), (4, 300), (1100, 3)]
# weight, bias
AFFINE = [(True, True), (True, False), (False, False)]


def data(shape, rng, dtype):
    """Columns of very different means, as sums of squares alone could not resolve them."""
    return (rng.standard_normal(shape) + rng.uniform(-30, 30, shape[1])).astype(dtype)


def vectors(n, wanted, rng, dtype):
    return [rng.uniform(0.5, 2, n).astype(dtype) if want else None for want in wanted]


def layer_forward(shape, affine, rng, dtype):
    M, D = shape
    X = data(shape, rng, dtype) if D > 1 else rng.standard_normal(shape).astype(dtype)
    outputs = (garbage(shape, dtype), garbage(M, dtype), garbage(M, dtype))
    return Case(
        (X, *vectors(D, affine, rng, dtype), 1e-2, *outputs), outputs=(4, 5, 6), alias=((0, 4),)
    )


def layer_backward(shape, affine, rng, dtype):
    M, D = shape
    X, dY = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mean, rstd = X.mean(axis=1), rng.uniform(0.5, 2, M).astype(dtype)
    weight = vectors(D, affine[:1], rng, dtype)
    grads = [garbage(D, dtype) if want else None for want in affine]
    outputs = tuple(i + 6 for i, want in enumerate(affine) if want)
    return Case((dY, X, mean, rstd, *weight, garbage(shape, dtype), *grads), outputs=(5, *outputs))


def rms_forward(shape, weighted, rng, dtype):
    M, D = shape
    X = data(shape, rng, dtype)
    weight = vectors(D, [weighted], rng, dtype)
    args = (X, *weight, 1e-5, garbage(shape, dtype), garbage(M, dtype))
    return Case(args, outputs=(3, 4), alias=((0, 3),))


def rms_backward(shape, weighted, rng, dtype):
    M, D = shape
    X, dY = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    rrms = rng.uniform(0.5, 2, M).astype(dtype)
    weight = vectors(D, [weighted], rng, dtype)
    dweight = garbage(D, dtype) if weighted else None
    args = (dY, X, rrms, *weight, garbage(shape, dtype), dweight)
    return Case(args, outputs=(4, 5) if weighted else (4,))


CASES = {
    "layer_norm_forward": [partial(layer_forward, s, a) for s in [*SHAPES, (0, 4)] for a in AFFINE],
    "layer_norm_backward": [
        partial(layer_backward, s, a)
        for s in [*SHAPES[1:], (0, 4)]
        for a in [*AFFINE, (False, True)]
    ],
    "rms_norm_forward": [partial(rms_forward, s, w) for s in [*SHAPES, (0, 4)] for w in (0, 1)],
    "rms_norm_backward": [partial(rms_backward, s, w) for s in [*SHAPES, (0, 4)] for w in (0, 1)],
}
