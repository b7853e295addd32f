"""Depthwise convolution with taps next to each other, one filter a channel: 3 x 3, or lines of 5.

The weights, or their gradient, stay in registers while the window goes along a line, and each
line of pixels is read once.
"""

from __future__ import annotations

from ._compile import inline, kernel
from ._simd import VECTOR_BYTES, multiply_add, nothing, put, take

__all__ = [
    "add_five",
    "add_nine",
    "is_nine",
    "line_of",
    "weigh_five",
    "weigh_nine",
    "whole_vectors",
]


@inline
def is_nine(X, W, geometry):
    """Whether the functions here are for this."""
    shape, out, kernel, stride, padding, dilation = geometry
    vectors = X.shape[1] * X.itemsize >= VECTOR_BYTES and X.shape[1] == W.shape[1]
    flat = shape[0] == 1 and out[0] == 1 and kernel[0] == 1 and padding[0] == 0
    near = stride[2] == 1 and dilation[2] == 1
    return vectors and flat and near and kernel[1] == 3 and kernel[2] == 3


@inline
def whole_vectors(X, W):
    """Whether there is one filter a channel, and the channels are whole vectors."""
    return X.shape[1] == W.shape[1] and X.shape[1] * X.itemsize % VECTOR_BYTES == 0


@inline
def line_of(n, h, s, H, width):
    """The first pixel of line ``h / s`` of image n; -1 where there is none."""
    return (n * H + h // s) * width if h >= 0 and h % s == 0 and h < H * s else -1


@inline
def _pixel(X, line, q, width, c):
    """Channels from c on of pixel q of a line; zeros outside the line, or where it is -1."""
    if line >= 0 and q >= 0 and q < width:
        return take(X, (line + q) * X.shape[1] + c)
    return nothing(X)


@kernel
def add_nine(Y, X, W, bias, biased, y, places, lines, width, first, reverse):
    """A line of Y from three lines of X, where the window of place p begins at ``p + first``.

    With `reverse` the taps of a line are those of W from right to left.
    """
    C = X.shape[1]
    lanes = VECTOR_BYTES // X.itemsize
    left, right = (2, 0) if reverse else (0, 2)
    x0, x1, x2 = lines
    for block in range(0, C, lanes):
        c = min(block, C - lanes)  # the last block computes some channels again
        w00, w01, w02 = take(W, left * C + c), take(W, C + c), take(W, right * C + c)
        w10, w11, w12 = (
            take(W, (3 + left) * C + c),
            take(W, 4 * C + c),
            take(W, (3 + right) * C + c),
        )
        w20, w21, w22 = (
            take(W, (6 + left) * C + c),
            take(W, 7 * C + c),
            take(W, (6 + right) * C + c),
        )
        start = take(bias, c) if biased else nothing(X)
        a0, b0 = _pixel(X, x0, first, width, c), _pixel(X, x0, first + 1, width, c)
        a1, b1 = _pixel(X, x1, first, width, c), _pixel(X, x1, first + 1, width, c)
        a2, b2 = _pixel(X, x2, first, width, c), _pixel(X, x2, first + 1, width, c)
        for p in range(places):
            q = p + first + 2
            e0, e1 = _pixel(X, x0, q, width, c), _pixel(X, x1, q, width, c)
            e2 = _pixel(X, x2, q, width, c)
            total = multiply_add(a0, w00, multiply_add(b0, w01, multiply_add(e0, w02, start)))
            total = multiply_add(a1, w10, multiply_add(b1, w11, multiply_add(e1, w12, total)))
            total = multiply_add(a2, w20, multiply_add(b2, w21, multiply_add(e2, w22, total)))
            put(Y, (y + p) * C + c, total)
            a0, a1, a2, b0, b1, b2 = b0, b1, b2, e0, e1, e2


@kernel
def weigh_nine(dW, X, dY, y, places, lines, width, first):
    """What a line of dY and three lines of X give to dW; the channels are whole vectors."""
    C = X.shape[1]
    lanes = VECTOR_BYTES // X.itemsize
    x0, x1, x2 = lines
    for c in range(0, C, lanes):
        t00, t01, t02 = take(dW, c), take(dW, C + c), take(dW, 2 * C + c)
        t10, t11, t12 = take(dW, 3 * C + c), take(dW, 4 * C + c), take(dW, 5 * C + c)
        t20, t21, t22 = take(dW, 6 * C + c), take(dW, 7 * C + c), take(dW, 8 * C + c)
        a0, b0 = _pixel(X, x0, first, width, c), _pixel(X, x0, first + 1, width, c)
        a1, b1 = _pixel(X, x1, first, width, c), _pixel(X, x1, first + 1, width, c)
        a2, b2 = _pixel(X, x2, first, width, c), _pixel(X, x2, first + 1, width, c)
        for p in range(places):
            q = p + first + 2
            d = take(dY, (y + p) * C + c)
            e0, e1 = _pixel(X, x0, q, width, c), _pixel(X, x1, q, width, c)
            e2 = _pixel(X, x2, q, width, c)
            t00, t01, t02 = (
                multiply_add(a0, d, t00),
                multiply_add(b0, d, t01),
                multiply_add(e0, d, t02),
            )
            t10, t11, t12 = (
                multiply_add(a1, d, t10),
                multiply_add(b1, d, t11),
                multiply_add(e1, d, t12),
            )
            t20, t21, t22 = (
                multiply_add(a2, d, t20),
                multiply_add(b2, d, t21),
                multiply_add(e2, d, t22),
            )
            a0, a1, a2, b0, b1, b2 = b0, b1, b2, e0, e1, e2
        put(dW, c, t00)
        put(dW, C + c, t01)
        put(dW, 2 * C + c, t02)
        put(dW, 3 * C + c, t10)
        put(dW, 4 * C + c, t11)
        put(dW, 5 * C + c, t12)
        put(dW, 6 * C + c, t20)
        put(dW, 7 * C + c, t21)
        put(dW, 8 * C + c, t22)


@kernel
def add_five(Y, X, W, y, places, x, width, w, first, reverse):
    """Add to a line of Y five taps of a line of X, from ``p + first`` on for place p.

    The channels are whole vectors. With `reverse` the taps are those of W from right to left.
    """
    C = X.shape[1]
    left, step = (w + 4, -1) if reverse else (w, 1)
    for c in range(0, C, VECTOR_BYTES // X.itemsize):
        w0, w1 = take(W, left * C + c), take(W, (left + step) * C + c)
        w2, w3 = take(W, (w + 2) * C + c), take(W, (left + 3 * step) * C + c)
        w4 = take(W, (left + 4 * step) * C + c)
        x0, x1 = _pixel(X, x, first, width, c), _pixel(X, x, first + 1, width, c)
        x2, x3 = _pixel(X, x, first + 2, width, c), _pixel(X, x, first + 3, width, c)
        for p in range(places):
            at = (y + p) * C + c
            x4 = _pixel(X, x, p + first + 4, width, c)
            total = multiply_add(x0, w0, multiply_add(x1, w1, take(Y, at)))
            total = multiply_add(x2, w2, multiply_add(x3, w3, multiply_add(x4, w4, total)))
            put(Y, at, total)
            x0, x1, x2, x3 = x1, x2, x3, x4


@kernel
def weigh_five(dW, X, dY, w, y, places, x, width, first):
    """What a line of dY and a line of X give to five taps of dW; the channels are whole vectors."""
    C = X.shape[1]
    for c in range(0, C, VECTOR_BYTES // X.itemsize):
        at = w * C + c
        t0, t1, t2 = take(dW, at), take(dW, at + C), take(dW, at + 2 * C)
        t3, t4 = take(dW, at + 3 * C), take(dW, at + 4 * C)
        x0, x1 = _pixel(X, x, first, width, c), _pixel(X, x, first + 1, width, c)
        x2, x3 = _pixel(X, x, first + 2, width, c), _pixel(X, x, first + 3, width, c)
        for p in range(places):
            d = take(dY, (y + p) * C + c)
            x4 = _pixel(X, x, p + first + 4, width, c)
            t0, t1, t2 = multiply_add(x0, d, t0), multiply_add(x1, d, t1), multiply_add(x2, d, t2)
            t3, t4 = multiply_add(x3, d, t3), multiply_add(x4, d, t4)
            x0, x1, x2, x3 = x1, x2, x3, x4
        put(dW, at, t0)
        put(dW, at + C, t1)
        put(dW, at + 2 * C, t2)
        put(dW, at + 3 * C, t3)
        put(dW, at + 4 * C, t4)
