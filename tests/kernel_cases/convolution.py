from functools import partial

from . import Case, garbage

# batch, lengths, channels, filters, kernel, output, stride, padding, dilation, groups
SHAPES = [
    (2, (1, 6, 5), 3, 4, (1, 3, 3), (1, 4, 3), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    (2, (1, 6, 5), 3, 4, (1, 3, 3), (1, 6, 5), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1),
    (1, (3, 4, 5), 2, 3, (2, 3, 2), (2, 2, 4), (1, 2, 1), (0, 1, 0), (1, 1, 1), 1),
    (2, (1, 9, 8), 3, 5, (1, 3, 2), (1, 3, 5), (1, 2, 1), (0, 0, 1), (1, 2, 3), 1),
    # Windows that leave the end of the input unseen, and some that lie in the padding alone.
    (1, (1, 5, 7), 2, 3, (1, 2, 2), (1, 2, 2), (1, 2, 3), (0, 0, 0), (1, 1, 1), 1),
    (1, (1, 2, 2), 2, 3, (1, 2, 1), (1, 6, 5), (1, 1, 1), (0, 3, 2), (1, 1, 1), 1),
    # Stride beyond the kernel.
    (1, (1, 7, 9), 3, 2, (1, 1, 2), (1, 3, 3), (1, 3, 4), (0, 1, 1), (1, 1, 1), 1),
    (2, (1, 5, 4), 6, 4, (1, 3, 3), (1, 5, 4), (1, 1, 1), (0, 1, 1), (1, 1, 1), 2),
    (2, (1, 5, 6), 6, 9, (1, 2, 3), (1, 2, 3), (1, 2, 2), (0, 0, 1), (1, 1, 1), 3),
    (3, (1, 7, 5), 20, 17, (1, 1, 1), (1, 7, 5), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    (3, (1, 7, 5), 4, 5, (1, 1, 1), (1, 4, 2), (1, 2, 3), (0, 0, 0), (1, 1, 1), 1),
    (5, (1, 13, 11), 1, 32, (1, 5, 5), (1, 13, 11), (1, 1, 1), (0, 2, 2), (1, 1, 1), 1),
    (2, (1, 16, 33), 17, 40, (1, 3, 3), (1, 16, 33), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1),
    (2, (1, 17, 16), 16, 33, (1, 3, 3), (1, 9, 8), (1, 2, 2), (0, 1, 1), (1, 1, 1), 1),
    # 3x3 taps over enough pixels and whole vectors of channels.
    (9, (1, 15, 17), 32, 48, (1, 3, 3), (1, 15, 17), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1),
    (7, (1, 20, 20), 16, 80, (1, 3, 3), (1, 18, 18), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    (2, (1, 34, 33), 64, 16, (1, 3, 3), (1, 36, 34), (1, 1, 1), (0, 2, 1), (1, 1, 1), 1),
    (65, (1, 5, 7), 16, 16, (1, 3, 3), (1, 6, 6), (1, 1, 1), (0, 2, 0), (1, 1, 1), 1),
    (3, (1, 1, 1), 5, 6, (1, 3, 3), (1, 1, 1), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1),
    (2, (1, 1, 40), 7, 70, (1, 1, 5), (1, 1, 36), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    # One pixel a window, but other windows than pixels.
    (1, (1, 5, 7), 2, 3, (1, 1, 1), (1, 5, 8), (1, 1, 1), (0, 0, 1), (1, 1, 1), 1),
    (1, (1, 5, 7), 2, 3, (1, 1, 1), (1, 6, 7), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    (1, (2, 5, 3), 4, 140, (1, 1, 1), (2, 5, 3), (1, 1, 1), (0, 0, 0), (1, 1, 1), 2),
    (2, (4, 5, 6), 4, 6, (2, 3, 2), (2, 7, 3), (2, 1, 3), (1, 0, 1), (1, 1, 2), 2),
    (0, (1, 4, 4), 3, 2, (1, 3, 3), (1, 4, 4), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1),
]


def forward(shape, act, biased, scaled, rng, dtype):
    N, lengths, C, filters, kernel, out, *geometry, groups = shape
    X, W = images(rng, dtype, (N, *lengths, C), (filters, *kernel, C // groups))
    bias = rng.standard_normal(filters).astype(dtype) if biased else None
    scale = rng.standard_normal(filters).astype(dtype) if scaled else None
    Y = garbage((N, *out, filters), dtype)
    return Case((X, W, scale, bias, Y, *geometry, groups, act), outputs=(4,))


def backward_input(shape, rng, dtype):
    N, lengths, C, filters, kernel, out, *geometry, groups = shape
    dY, W = images(rng, dtype, (N, *out, filters), (filters, *kernel, C // groups))
    return Case((dY, W, garbage((N, *lengths, C), dtype), *geometry, groups), outputs=(2,))


def backward_weight(shape, rng, dtype):
    N, lengths, C, filters, kernel, out, *geometry, groups = shape
    X, dY = images(rng, dtype, (N, *lengths, C), (N, *out, filters))
    dW = garbage((filters, *kernel, C // groups), dtype)
    return Case((X, dY, dW, *geometry, groups), outputs=(2,))


def images(rng, dtype, *shapes):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


CASES = {
    "conv_forward": [
        partial(forward, shape, i % 4, bool(i % 3), bool(i % 2)) for i, shape in enumerate(SHAPES)
    ],
    "conv_backward_input": [partial(backward_input, shape) for shape in SHAPES],
    "conv_backward_weight": [partial(backward_weight, shape) for shape in SHAPES],
}
