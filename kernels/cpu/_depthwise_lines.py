"""Depthwise convolution, a line of the image at a time, with channels as the inner loop.

Images are matrices with a row for each pixel. A line of the output, which stays in the nearest
cache, takes up one line of the input after the other, three taps of the kernel in one pass.
"""

from __future__ import annotations

from ._compile import inline, kernel, kernel_of_apart
from ._depthwise_vectors import (
    add_five,
    add_nine,
    is_nine,
    line_of,
    weigh_five,
    weigh_nine,
    whole_vectors,
)
from ._math import sigmoid, tanh

__all__ = ["backward_input", "backward_weight", "forward"]


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
    t0, t1, t2 = W[w], W[w + 1], W[w + 2]
    if tap_step == -1:
        # The same from the last tap to the first.
        t0, t2 = t2, t0
        x, tap_step = x - 2, 1
    done = 0
    if x_step == 1 and tap_step == 1:
        # Four pixels in one pass share six pixels of X.
        done = count - count % 4
        for p in range(0, done, 4):
            i, j = x + p, y + p
            x0, x1, x2, x3, x4, x5 = X[i], X[i + 1], X[i + 2], X[i + 3], X[i + 4], X[i + 5]
            y0, y1, y2, y3 = Y[j], Y[j + 1], Y[j + 2], Y[j + 3]
            for c in range(C):
                y0[c] += x0[c] * t0[c] + x1[c] * t1[c] + x2[c] * t2[c]
                y1[c] += x1[c] * t0[c] + x2[c] * t1[c] + x3[c] * t2[c]
                y2[c] += x2[c] * t0[c] + x3[c] * t1[c] + x4[c] * t2[c]
                y3[c] += x3[c] * t0[c] + x4[c] * t1[c] + x5[c] * t2[c]
    for p in range(done, count):
        i = x + p * x_step
        out, x0, x1, x2 = Y[y + p], X[i], X[i + tap_step], X[i + 2 * tap_step]
        for c in range(C):
            out[c] += x0[c] * t0[c] + x1[c] * t1[c] + x2[c] * t2[c]


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
    """The same for three taps; one filter a channel."""
    C = X.shape[1]
    t0, t1, t2 = dW[w], dW[w + 1], dW[w + 2]
    done = 0
    if x_step == 1 and tap_step == 1:
        done = count - count % 4
        for p in range(0, done, 4):
            i, j = x + p, y + p
            x0, x1, x2, x3, x4, x5 = X[i], X[i + 1], X[i + 2], X[i + 3], X[i + 4], X[i + 5]
            d0, d1, d2, d3 = dY[j], dY[j + 1], dY[j + 2], dY[j + 3]
            for c in range(C):
                t0[c] += x0[c] * d0[c] + x1[c] * d1[c] + x2[c] * d2[c] + x3[c] * d3[c]
                t1[c] += x1[c] * d0[c] + x2[c] * d1[c] + x3[c] * d2[c] + x4[c] * d3[c]
                t2[c] += x2[c] * d0[c] + x3[c] * d1[c] + x4[c] * d2[c] + x5[c] * d3[c]
    for p in range(done, count):
        i = x + p * x_step
        d, x0, x1, x2 = dY[y + p], X[i], X[i + tap_step], X[i + 2 * tap_step]
        for c in range(C):
            t0[c] += x0[c] * d[c]
            t1[c] += x1[c] * d[c]
            t2[c] += x2[c] * d[c]


@kernel_of_apart
def _start(Y, y, count, bias):
    """`count` pixels that hold `bias`."""
    for p in range(y, y + count):
        out = Y[p]
        for c in range(out.size):
            out[c] = bias[c]


@kernel
def _add_line(Y, X, W, y, places, x, size, w, KW, s, shift, t):
    """Add to a line of Y, for each of the taps, the pixels of a line of X that it meets.

    Place p meets pixel ``p s + shift + kw t``, if that is one of the `size` pixels of the line.
    """
    if KW == 5 and s == 1 and (t == 1 or t == -1) and whole_vectors(X, W):
        first = shift if t == 1 else shift - 4
        add_five(Y, X, W, y, places, x, size, w, first, t == -1)
        return
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
def forward(X, W, bias, Y, first, last, geometry, act):
    """Lines `first` to ``last - 1`` of the output."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    nine = is_nine(X, W, geometry)
    for i in range(first, last):
        n, od, oh = i // (OD * OH), i // OH % OD, i % OH
        y = i * OW
        if nine:
            h, t = oh * stride[1] - padding[1], dilation[1]
            x0, x1 = line_of(n, h, 1, H, width), line_of(n, h + t, 1, H, width)
            lines = x0, x1, line_of(n, h + 2 * t, 1, H, width)
            add_nine(Y, X, W, bias, True, y, OW, lines, width, -padding[2], False)
            if act != 0:
                _activate(Y[y : y + OW], act)
            continue
        _start(Y, y, OW, bias)
        for kd in range(KD):
            d = od * stride[0] - padding[0] + kd * dilation[0]
            for kh in range(KH):
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                if d >= 0 and d < D and h >= 0 and h < H:
                    x, w = ((n * D + d) * H + h) * width, (kd * KH + kh) * KW
                    _add_line(Y, X, W, y, OW, x, width, w, KW, stride[2], -padding[2], dilation[2])
        if act != 0:
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
def backward_input(dY, W, dX, first, last, geometry):
    """Lines `first` to ``last - 1`` of the input's gradient."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    single = W.shape[1] == dX.shape[1]
    s, t = stride[2], dilation[2]
    nine = is_nine(dX, W, geometry)
    for i in range(first, last):
        n, d, h = i // (D * H), i // H % D, i % H
        x = i * width
        if nine:
            # The places whose windows have this line as their first, second and third.
            oh, u, step = h + padding[1], dilation[1], stride[1]
            y0, y1 = line_of(n, oh, step, OH, OW), line_of(n, oh - u, step, OH, OW)
            lines = y0, y1, line_of(n, oh - 2 * u, step, OH, OW)
            add_nine(dX, dY, W, W, False, x, width, lines, OW, padding[2] - 2, True)
            continue
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
def backward_weight(X, dY, dW, first, last, geometry):
    """What lines `first` to ``last - 1`` of the output give to the weights' gradient."""
    (D, H, width), (OD, OH, OW), (KD, KH, KW), stride, padding, dilation = geometry
    single = dW.shape[1] == X.shape[1]
    s, t = stride[2], dilation[2]
    dW[:] = 0
    nine = is_nine(X, dW, geometry)
    nine = nine and whole_vectors(X, dW)
    five = KW == 5 and s == 1 and t == 1 and whole_vectors(X, dW)
    for i in range(first, last):
        n, od, oh = i // (OD * OH), i // OH % OD, i % OH
        y = i * OW
        if nine:
            h, u = oh * stride[1] - padding[1], dilation[1]
            x0, x1 = line_of(n, h, 1, H, width), line_of(n, h + u, 1, H, width)
            lines = x0, x1, line_of(n, h + 2 * u, 1, H, width)
            weigh_nine(dW, X, dY, y, OW, lines, width, -padding[2])
            continue
        for kd in range(KD):
            d = od * stride[0] - padding[0] + kd * dilation[0]
            for kh in range(KH):
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                if d < 0 or d >= D or h < 0 or h >= H:
                    continue
                x, w = ((n * D + d) * H + h) * width, (kd * KH + kh) * KW
                if five:
                    weigh_five(dW, X, dY, w, y, OW, x, width, -padding[2])
                    continue
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
