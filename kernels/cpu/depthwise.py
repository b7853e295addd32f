"""Depthwise convolution, a line of the image at a time, with channels as the inner loop.

Images are matrices with a row for each pixel. A line of the output, which stays in the nearest
cache, takes up one line of the input after the other, three taps of the kernel in one pass. All of
an image's lines go to neighbouring tiles, so that memory is read once and written once: the
multiplications are few enough to hide behind that.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel, kernel_of_apart
from ._math import sigmoid, tanh
from .team import MOST_TILES, array, number, run_tiles, team, tiles_by_size

__all__ = ["depthwise_backward_input", "depthwise_backward_weight", "depthwise_forward"]

#: Elements from which the work is shared.
_SHARED = 1 << 13
#: Tiles for each thread, so that one that comes late has less to do.
_TILES = 4


@inline
def _meet(size, places, s, shift):
    """The first window whose pixel, at ``o s + shift``, is inside 0 .. size - 1, and the end."""
    low = max(0, -(shift // s))
    return low, max(low, min(places, (size - 1 - shift) // s + 1))


@kernel_of_apart
def _add_one(Y, X, W, y, x, w, count, y_step, x_step):
    """``Y[y] += X[x] W[w]``, for `count` pixels from `y` and `x` on."""
    C = X.shape[1]
    m = W.shape[1] // C
    for p in range(count):
        out, pixel, tap = Y[y + p * y_step], X[x + p * x_step], W[w]
        if m == 1:
            for c in range(C):
                out[c] += pixel[c] * tap[c]
        else:
            for c in range(C):
                for j in range(c * m, c * m + m):
                    out[j] += pixel[c] * tap[j]


@kernel_of_apart
def _add_three(Y, X, W, y, x, w, count, x_step, tap_step):
    """The same for three taps, whose pixels are `tap_step` apart; one filter a channel."""
    C = X.shape[1]
    a, b, d = W[w], W[w + 1], W[w + 2]
    for p in range(count):
        at = x + p * x_step
        out, x0, x1, x2 = Y[y + p], X[at], X[at + tap_step], X[at + 2 * tap_step]
        for c in range(C):
            out[c] += x0[c] * a[c] + x1[c] * b[c] + x2[c] * d[c]


@kernel_of_apart
def _collect_one(dX, dY, W, x, y, w, count, x_step):
    """``dX[x] += dY[y] W[w]``, for `count` pixels, with several filters a channel."""
    C = dX.shape[1]
    m = W.shape[1] // C
    tap = W[w]
    for p in range(count):
        out, d = dX[x + p * x_step], dY[y + p]
        for c in range(C):
            total = out[c]
            for j in range(c * m, c * m + m):
                total += d[j] * tap[j]
            out[c] = total


@kernel_of_apart
def _weigh(dW, X, dY, w, x, y, count, x_step):
    """``dW[w] += X[x] dY[y]``, over `count` pixels."""
    C = X.shape[1]
    m = dW.shape[1] // C
    total = dW[w]
    for p in range(count):
        pixel, d = X[x + p * x_step], dY[y + p]
        if m == 1:
            for c in range(C):
                total[c] += pixel[c] * d[c]
        else:
            for c in range(C):
                for j in range(c * m, c * m + m):
                    total[j] += pixel[c] * d[j]


@kernel_of_apart
def _weigh_three(dW, X, dY, w, x, y, count, x_step, tap_step):
    """The same for three taps and, so that sums stay in registers, four pixels in one pass."""
    C = X.shape[1]
    t0, t1, t2 = dW[w], dW[w + 1], dW[w + 2]
    for p in range(0, count - 3, 4):
        d0, d1, d2, d3 = dY[y + p], dY[y + p + 1], dY[y + p + 2], dY[y + p + 3]
        i = x + p * x_step
        j, k, m = i + x_step, i + 2 * x_step, i + 3 * x_step
        a0, a1, a2 = X[i], X[i + tap_step], X[i + 2 * tap_step]
        b0, b1, b2 = X[j], X[j + tap_step], X[j + 2 * tap_step]
        e0, e1, e2 = X[k], X[k + tap_step], X[k + 2 * tap_step]
        f0, f1, f2 = X[m], X[m + tap_step], X[m + 2 * tap_step]
        for c in range(C):
            t0[c] += a0[c] * d0[c] + b0[c] * d1[c] + e0[c] * d2[c] + f0[c] * d3[c]
            t1[c] += a1[c] * d0[c] + b1[c] * d1[c] + e1[c] * d2[c] + f1[c] * d3[c]
            t2[c] += a2[c] * d0[c] + b2[c] * d1[c] + e2[c] * d2[c] + f2[c] * d3[c]
    for p in range(count // 4 * 4, count):
        d0, i = dY[y + p], x + p * x_step
        a0, a1, a2 = X[i], X[i + tap_step], X[i + 2 * tap_step]
        for c in range(C):
            t0[c] += a0[c] * d0[c]
            t1[c] += a1[c] * d0[c]
            t2[c] += a2[c] * d0[c]


@kernel
def _add_line(Y, X, W, y, places, x, size, w, KW, s, shift, t):
    """Add to a line of Y, for each of the taps, the pixels of a line of X that it meets.

    Place p meets pixel ``p s + shift + kw t``, if that is one of the `size` pixels of the line.
    """
    kw = 0
    while kw < KW:
        taps = 3 if kw + 3 <= KW and X.shape[1] == W.shape[1] else 1
        low, high = _meet(size, places, s, shift + kw * t)
        if taps == 3:
            # Places that meet a pixel in all three.
            for k in range(kw + 1, kw + 3):
                first, end = _meet(size, places, s, shift + k * t)
                low, high = max(low, first), min(high, end)
            high = max(low, high)
            at = x + low * s + shift + kw * t
            _add_three(Y, X, W, y + low, at, w + kw, high - low, s, t)
        else:
            high = low
        # What each tap meets before and after these.
        for k in range(kw, kw + taps):
            at = x + shift + k * t
            first, end = _meet(size, places, s, shift + k * t)
            left, right = min(end, low), max(first, high)
            _add_one(Y, X, W, y + first, at + first * s, w + k, left - first, 1, s)
            _add_one(Y, X, W, y + right, at + right * s, w + k, end - right, 1, s)
        kw += taps


@kernel
def _forward(X, W, bias, Y, first, last, geometry, act):
    """Lines `first` to ``last - 1`` of the output."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    for i in range(first, last):
        n, od, oh = i // (OD * OH), i // OH % OD, i % OH
        y = i * OW
        Y[y : y + OW] = bias
        for kd in range(KD):
            d = od * stride[0] - padding[0] + kd * dilation[0]
            for kh in range(KH):
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                if d >= 0 and d < D and h >= 0 and h < H:
                    x, w = ((n * D + d) * H + h) * width, (kd * KH + kh) * KW
                    _add_line(Y, X, W, y, OW, x, width, w, KW, stride[2], -padding[2], dilation[2])
        _activate(Y[y : y + OW], act)


@kernel
def _activate(Y, act):
    zero = Y.dtype.type(0)
    for p in range(Y.shape[0]):
        y = Y[p]
        if act == 1:
            for c in range(y.size):
                y[c] = zero if y[c] < zero else y[c]
        elif act == 2:
            for c in range(y.size):
                y[c] = sigmoid(y[c])
        elif act == 3:
            for c in range(y.size):
                y[c] = tanh(y[c])


@kernel
def _backward_input(dY, W, dX, first, last, geometry):
    """Lines `first` to ``last - 1`` of the input's gradient."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    single = W.shape[1] == dX.shape[1]
    s, t = stride[2], dilation[2]
    for i in range(first, last):
        n, d, h = i // (D * H), i // H % D, i % H
        x = i * width
        dX[x : x + width] = 0
        for kd in range(KD):
            od = d + padding[0] - kd * dilation[0]
            if od < 0 or od % stride[0] != 0 or od >= OD * stride[0]:
                continue
            for kh in range(KH):
                oh = h + padding[1] - kh * dilation[1]
                if oh < 0 or oh % stride[1] != 0 or oh >= OH * stride[1]:
                    continue
                y = ((n * OD + od // stride[0]) * OH + oh // stride[1]) * OW
                w = (kd * KH + kh) * KW
                if single and s == 1:
                    # With the step of a window of one pixel, the kernel the other way round.
                    _add_line(dX, dY, W, x, width, y, OW, w, KW, 1, padding[2], -t)
                    continue
                for kw in range(KW):
                    shift = kw * t - padding[2]
                    low, high = _meet(width, OW, s, shift)
                    pixel = x + low * s + shift
                    if single:
                        _add_one(dX, dY, W, pixel, y + low, w + kw, high - low, s, 1)
                    else:
                        _collect_one(dX, dY, W, pixel, y + low, w + kw, high - low, s)


@kernel
def _backward_weight(X, dY, dW, first, last, geometry):
    """What lines `first` to ``last - 1`` of the output give to the weights' gradient."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    single = dW.shape[1] == X.shape[1]
    s, t = stride[2], dilation[2]
    dW[:] = 0
    for i in range(first, last):
        n, od, oh = i // (OD * OH), i // OH % OD, i % OH
        y = i * OW
        for kd in range(KD):
            d = od * stride[0] - padding[0] + kd * dilation[0]
            for kh in range(KH):
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                if d < 0 or d >= D or h < 0 or h >= H:
                    continue
                x, w = ((n * D + d) * H + h) * width, (kd * KH + kh) * KW
                kw = 0
                while kw < KW:
                    shift = kw * t - padding[2]
                    low, high = _meet(width, OW, s, shift)
                    taps = 3 if single and kw + 3 <= KW else 1
                    if taps == 3:
                        for k in range(kw + 1, kw + 3):
                            begin, end = _meet(width, OW, s, k * t - padding[2])
                            low, high = max(low, begin), min(high, end)
                        high = max(low, high)
                        at = x + low * s + shift
                        _weigh_three(dW, X, dY, w + kw, at, y + low, high - low, s, t)
                    else:
                        high = low
                    for k in range(kw, kw + taps):
                        shift = k * t - padding[2]
                        begin, end = _meet(width, OW, s, shift)
                        left, right = min(end, low), max(begin, high)
                        at = x + begin * s + shift
                        _weigh(dW, X, dY, w + k, at, y + begin, left - begin, s)
                        at = x + right * s + shift
                        _weigh(dW, X, dY, w + k, at, y + right, end - right, s)
                    kw += taps


# Arguments of the jobs: the addresses of the input, the weights, the output and the bias; lines of
# a tile, of all; act; N, C, F; and from place 10 on the numbers of the geometry.


@inline
def _three(args, k):
    return number(args, k), number(args, k + 1), number(args, k + 2)


@inline
def _geometry(args):
    return (
        _three(args, 10), _three(args, 13), _three(args, 16), _three(args, 19), _three(args, 22),
        _three(args, 25),
    )  # fmt: skip


@inline
def _lines(args, i):
    low = i * number(args, 4)
    return low, min(low + number(args, 4), number(args, 5))


@inline
def _sizes(args):
    """Pixels of the input and of the output, elements of the kernel, C and F."""
    N, C, F = _three(args, 7)
    (D, H, W), (OD, OH, OW), (KD, KH, KW) = _three(args, 10), _three(args, 13), _three(args, 16)
    return N * D * H * W, N * OD * OH * OW, KD * KH * KW, C, F


@tiles_by_size
def _forward_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    X = array(args, 0, 0, pixels * C).reshape((pixels, C))
    W = array(args, 1, 0, taps * F).reshape((taps, F))
    Y = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    _forward(X, W, array(args, 3, 0, F), Y, low, high, _geometry(args), number(args, 6))


@tiles_by_size
def _backward_input_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    dX = array(args, 0, 0, pixels * C).reshape((pixels, C))
    W = array(args, 1, 0, taps * F).reshape((taps, F))
    dY = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    _backward_input(dY, W, dX, low, high, _geometry(args))


@tiles_by_size
def _backward_weight_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    X = array(args, 0, 0, pixels * C).reshape((pixels, C))
    # Each tile has a sum of its own.
    dW = array(args, 1, i * taps * F, (i + 1) * taps * F).reshape((taps, F))
    dY = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    _backward_weight(X, dY, dW, low, high, _geometry(args))


@kernel
def _share(
    board, threads, job, lines, tiles, shape, kernel, out, X, W, Y, row, act,
    stride, padding, dilation,
):  # fmt: skip
    args = np.empty(28, np.int64)
    args[0], args[1], args[2], args[3] = X, W, Y, row
    args[4], args[5], args[6] = (lines + tiles - 1) // tiles, lines, act
    args[7], args[8], args[9] = shape[0], shape[4], kernel[3]
    for k in range(3):
        args[10 + k], args[13 + k], args[16 + k] = shape[1 + k], out[1 + k], kernel[k]
        args[19 + k], args[22 + k], args[25 + k] = stride[k], padding[k], dilation[k]
    run_tiles(board, threads, job, args.ctypes.data, tiles)


@kernel
def _add_parts(parts, total):
    for j in range(total.size):
        total[j] = parts[0, j]
    for i in range(1, parts.shape[0]):
        for j in range(total.size):
            total[j] += parts[i, j]


def depthwise_forward(X, W, bias, Y, stride, padding, dilation, act):
    if bias is None:
        bias = np.zeros(W.shape[3], W.dtype)
    _run(_forward_job, Y, X, W, Y, bias, act, W.shape, stride, padding, dilation)


def depthwise_backward_input(dY, W, dX, stride, padding, dilation):
    _run(_backward_input_job, dX, dX, W, dY, W, 0, W.shape, stride, padding, dilation)


def depthwise_backward_weight(X, dY, dW, stride, padding, dilation):
    tiles = _tiles(dY)
    parts = np.empty((tiles, dW.size), dW.dtype)
    _run(_backward_weight_job, dY, X, parts, dY, dW, 0, dW.shape, stride, padding, dilation)
    _add_parts(parts, dW.reshape(-1))


def _tiles(lines_of):
    """The number of tiles that the lines of an array are shared in."""
    N, D, H, _, _ = lines_of.shape
    threads = team().threads
    if threads == 1 or lines_of.size < _SHARED:
        return 1
    return min(N * D * H, threads * _TILES, MOST_TILES)


def _run(job, lines_of, X, W, Y, row, act, kernel, stride, padding, dilation):
    N, D, H, _, _ = lines_of.shape
    helpers = team()
    tiles = _tiles(lines_of)
    threads = helpers.threads if tiles > 1 else 1
    if threads > 1:
        helpers.wake()
    _share(
        helpers.board, threads, job[Y.itemsize].address, N * D * H, tiles, X.shape, kernel,
        Y.shape, _address(X), _address(W), _address(Y), _address(row), act,
        stride, padding, dilation,
    )  # fmt: skip


def _address(array):
    return array.__array_interface__["data"][0]
