"""Pooling, shared by the team: forward by rows of windows, backward by rows of the image.

The backward passes gather: each element asks the windows that it lies in, in their order, so that
no two threads write to one place and the sums do not depend on who ran what. The loops go
over the channels, which lie side by side.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from .team import array, array8, number, run_tiles, team, tiles_by_size

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
]

#: Elements of the image from which the work is shared.
_SHARED = 1 << 14

# Arguments of the jobs: rows, rows of a tile, the addresses of the image, of the pooled image and
# of the taps; N D H W C, OD OH OW, three numbers each of kernel, stride, padding and dilation; for
# averages include_pad and the divisor.
_N, _D, _C, _OD, _KD, _SD, _PD, _ED, _PAD, _DIVISOR = 5, 6, 9, 10, 13, 16, 19, 22, 25, 26


@inline
def _axis_taps(args, axis, o):
    """For window o of an axis: its first position, and its taps inside the image, low to high."""
    start = o * number(args, _SD + axis) - number(args, _PD + axis)
    step = number(args, _ED + axis)
    low = (max(0, -start) + step - 1) // step
    high = (max(0, number(args, _D + axis) - start) + step - 1) // step
    return start, low, min(number(args, _KD + axis), high)


@kernel
def _max_forward(args, X, Y, taps, low, high):
    D, H, W, C = number(args, _D), number(args, _D + 1), number(args, _D + 2), number(args, _C)
    OD, OH, OW = number(args, _OD), number(args, _OD + 1), number(args, _OD + 2)
    KD, KH, KW = number(args, _KD), number(args, _KD + 1), number(args, _KD + 2)
    ED, EH, EW = number(args, _ED), number(args, _ED + 1), number(args, _ED + 2)
    for m in range(low, high):
        n = m // (OD * OH)
        d, d_low, d_high = _axis_taps(args, 0, m // OH % OD)
        h, h_low, h_high = _axis_taps(args, 1, m % OH)
        for ow in range(OW):
            w, w_low, w_high = _axis_taps(args, 2, ow)
            at = (m * OW + ow) * C
            y, t = Y[at : at + C], taps[at : at + C]
            k = (min(d_low, KD - 1) * KH + min(h_low, KH - 1)) * KW + min(w_low, KW - 1)
            if d_high - d_low == 1 and h_high - h_low == 2 and w_high - w_low == 2:
                a = (((n * D + d + d_low * ED) * H + h + h_low * EH) * W + w + w_low * EW) * C
                _max_of_four(X, a, a + EW * C, a + EH * W * C, a + (EH * W + EW) * C, k, KW, y, t)
                continue
            for c in range(C):
                y[c] = -np.inf
                t[c] = k
            for kd in range(d_low, d_high):
                for kh in range(h_low, h_high):
                    row = ((n * D + d + kd * ED) * H + h + kh * EH) * W + w
                    for kw in range(w_low, w_high):
                        k = (kd * KH + kh) * KW + kw
                        a = (row + kw * EW) * C
                        x = X[a : a + C]
                        for c in range(C):
                            v, u = x[c], y[c]
                            larger = v > u or v != v
                            y[c] = v if larger else u
                            t[c] = k if larger else t[c]


@kernel
def _max_of_four(X, a, b, c, d, k, KW, y, t):
    """The maximum of four rows: the window of nearly every network."""
    C = y.size
    A, B, G, D = X[a : a + C], X[b : b + C], X[c : c + C], X[d : d + C]
    for i in range(C):
        top, tap = A[i], k
        v = B[i]
        larger = v > top or v != v
        top, tap = (v if larger else top), (k + 1 if larger else tap)
        v = G[i]
        larger = v > top or v != v
        top, tap = (v if larger else top), (k + KW if larger else tap)
        v = D[i]
        larger = v > top or v != v
        top, tap = (v if larger else top), (k + KW + 1 if larger else tap)
        y[i] = top
        t[i] = tap


@inline
def _axis_windows(args, axis, x):
    """The windows of an axis that may hold position x, first to last."""
    at, stride = x + number(args, _PD + axis), number(args, _SD + axis)
    reach = (number(args, _KD + axis) - 1) * number(args, _ED + axis)
    first = (max(0, at - reach) + stride - 1) // stride
    return first, min(number(args, _OD + axis) - 1, at // stride)


@kernel
def _max_backward(args, dY, taps, dX, low, high):
    D, H, W, C = number(args, _D), number(args, _D + 1), number(args, _D + 2), number(args, _C)
    OD, OH, OW = number(args, _OD), number(args, _OD + 1), number(args, _OD + 2)
    KH, KW = number(args, _KD + 1), number(args, _KD + 2)
    SD, SH, SW = number(args, _SD), number(args, _SD + 1), number(args, _SD + 2)
    PD, PH, PW = number(args, _PD), number(args, _PD + 1), number(args, _PD + 2)
    ED, EH, EW = number(args, _ED), number(args, _ED + 1), number(args, _ED + 2)
    zero = dX.dtype.type(0)
    for m in range(low, high):
        n, d, h = m // (D * H), m // H % D, m % H
        d_first, d_last = _axis_windows(args, 0, d)
        h_first, h_last = _axis_windows(args, 1, h)
        for w in range(W):
            w_first, w_last = _axis_windows(args, 2, w)
            dx = dX[(m * W + w) * C : (m * W + w + 1) * C]
            empty = True
            for od in range(d_first, d_last + 1):
                kd = d + PD - od * SD
                for oh in range(h_first, h_last + 1):
                    kh = h + PH - oh * SH
                    for ow in range(w_first, w_last + 1):
                        kw = w + PW - ow * SW
                        if kd % ED or kh % EH or kw % EW:
                            continue
                        k = taps.dtype.type((kd // ED * KH + kh // EH) * KW + kw // EW)
                        at = (((n * OD + od) * OH + oh) * OW + ow) * C
                        dy, t = dY[at : at + C], taps[at : at + C]
                        if empty:
                            for c in range(C):
                                dx[c] = dy[c] if t[c] == k else zero
                        else:
                            for c in range(C):
                                dx[c] += dy[c] if t[c] == k else zero
                        empty = False
            if empty:
                dx[:] = zero


@kernel
def _avg_forward(args, X, Y, low, high):
    D, H, W, C = number(args, _D), number(args, _D + 1), number(args, _D + 2), number(args, _C)
    OD, OH, OW = number(args, _OD), number(args, _OD + 1), number(args, _OD + 2)
    for m in range(low, high):
        n = m // (OD * OH)
        d, d_low, d_high = _axis_taps(args, 0, m // OH % OD)
        h, h_low, h_high = _axis_taps(args, 1, m % OH)
        for ow in range(OW):
            w, w_low, w_high = _axis_taps(args, 2, ow)
            y = Y[(m * OW + ow) * C : (m * OW + ow + 1) * C]
            empty = True
            for kd in range(d + d_low, d + d_high):
                for kh in range(h + h_low, h + h_high):
                    for kw in range(w + w_low, w + w_high):
                        at = (((n * D + kd) * H + kh) * W + kw) * C
                        x = X[at : at + C]
                        if empty:
                            y[:] = x
                        else:
                            for c in range(C):
                                y[c] += x[c]
                        empty = False
            scale = X.dtype.type(1 / _size(args, m // OH % OD, m % OH, ow))
            if empty:
                y[:] = 0
            for c in range(C):
                y[c] *= scale


@inline
def _axis_size(args, axis, o, include_pad):
    n, p = number(args, _D + axis), number(args, _PD + axis)
    start = o * number(args, _SD + axis) - p
    end = min(start + number(args, _KD + axis), n + p)
    return end - start if include_pad else min(end, n) - max(start, 0)


@kernel
def _size(args, od, oh, ow):
    """What the sum over a window is divided by."""
    include_pad, divisor = number(args, _PAD), number(args, _DIVISOR)
    if divisor:
        return divisor
    return (
        _axis_size(args, 0, od, include_pad)
        * _axis_size(args, 1, oh, include_pad)
        * _axis_size(args, 2, ow, include_pad)
    )


@kernel
def _avg_backward(args, dY, dX, low, high):
    D, H, W, C = number(args, _D), number(args, _D + 1), number(args, _D + 2), number(args, _C)
    OD, OH, OW = number(args, _OD), number(args, _OD + 1), number(args, _OD + 2)
    for m in range(low, high):
        n, d, h = m // (D * H), m // H % D, m % H
        d_first, d_last = _axis_windows(args, 0, d)
        h_first, h_last = _axis_windows(args, 1, h)
        for w in range(W):
            w_first, w_last = _axis_windows(args, 2, w)
            dx = dX[(m * W + w) * C : (m * W + w + 1) * C]
            empty = True
            for od in range(d_first, d_last + 1):
                for oh in range(h_first, h_last + 1):
                    for ow in range(w_first, w_last + 1):
                        at = (((n * OD + od) * OH + oh) * OW + ow) * C
                        dy = dY[at : at + C]
                        scale = dY.dtype.type(1 / _size(args, od, oh, ow))
                        if empty:
                            for c in range(C):
                                dx[c] = dy[c] * scale
                        else:
                            for c in range(C):
                                dx[c] += dy[c] * scale
                        empty = False
            if empty:
                dx[:] = 0


# --- the jobs ------------------------------------------------------------------------------------


@inline
def _rows(args, i):
    """First and last row of tile i."""
    low = i * number(args, 1)
    return low, min(number(args, 0), low + number(args, 1))


@inline
def _image_size(args):
    rows = number(args, _N) * number(args, _D) * number(args, _D + 1)
    return rows * number(args, _D + 2) * number(args, _C)


@inline
def _pooled_size(args):
    rows = number(args, _N) * number(args, _OD) * number(args, _OD + 1)
    return rows * number(args, _OD + 2) * number(args, _C)


@tiles_by_size
def _max_forward_job(args, i):
    low, high = _rows(args, i)
    X, Y = array(args, 2, 0, _image_size(args)), array(args, 3, 0, _pooled_size(args))
    _max_forward(args, X, Y, array8(args, 4, 0, Y.size), low, high)


@tiles_by_size
def _max_backward_job(args, i):
    low, high = _rows(args, i)
    dX, dY = array(args, 2, 0, _image_size(args)), array(args, 3, 0, _pooled_size(args))
    _max_backward(args, dY, array8(args, 4, 0, dY.size), dX, low, high)


@tiles_by_size
def _avg_forward_job(args, i):
    low, high = _rows(args, i)
    X, Y = array(args, 2, 0, _image_size(args)), array(args, 3, 0, _pooled_size(args))
    _avg_forward(args, X, Y, low, high)


@tiles_by_size
def _avg_backward_job(args, i):
    low, high = _rows(args, i)
    dX, dY = array(args, 2, 0, _image_size(args)), array(args, 3, 0, _pooled_size(args))
    _avg_backward(args, dY, dX, low, high)


def _run(job, rows, image, pooled, taps, numbers):
    if not rows:
        return
    helpers = team()
    threads = helpers.threads if image.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    # Several tiles for each thread, so that one that comes late leaves its share to the others.
    tiles = min(rows, 4 * threads) if threads > 1 else 1
    args = _arguments(rows, -(-rows // tiles), image, pooled, taps, numbers)
    address = args.__array_interface__["data"][0]
    run_tiles(helpers.board, threads, job[image.itemsize].address, address, tiles)


def _arguments(rows, per, image, pooled, taps, numbers):
    addresses = [a.__array_interface__["data"][0] for a in (image, pooled, taps)]
    shapes = (*image.shape, *pooled.shape[1:4])
    return np.array((rows, per, *addresses, *shapes, *numbers), np.int64)


def max_pool_forward(X, Y, taps, kernel, stride, padding, dilation):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return _run(_max_forward_job, rows, X, Y, taps, numbers)
    args = _arguments(rows, rows, X, Y, taps, numbers)
    return _max_forward(args.ctypes.data, X.ravel(), Y.ravel(), taps.ravel(), 0, rows)


def max_pool_backward(dY, taps, dX, kernel, stride, padding, dilation):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return _run(_max_backward_job, rows, dX, dY, taps, numbers)
    args = _arguments(rows, rows, dX, dY, taps, numbers)
    return _max_backward(args.ctypes.data, dY.ravel(), taps.ravel(), dX.ravel(), 0, rows)


def avg_pool_forward(X, Y, kernel, stride, padding, include_pad, divisor):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    _run(_avg_forward_job, rows, X, Y, Y, numbers)


def avg_pool_backward(dY, dX, kernel, stride, padding, include_pad, divisor):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    _run(_avg_backward_job, rows, dX, dY, dY, numbers)
