"""Max pooling. The loops go over the channels, which lie side by side."""

from __future__ import annotations

import numpy as np

from ._compile import kernel
from ._pool import (
    AT_C,
    AT_D,
    AT_ED,
    AT_KD,
    AT_OD,
    AT_PD,
    AT_SD,
    arguments,
    axis_taps,
    axis_windows,
    image_size,
    next_windows,
    pooled_size,
    rows_of,
    run,
    triple,
)
from .team import array, array8, number, tiles_by_size

__all__ = ["max_pool_backward", "max_pool_forward"]


@kernel
def _max_forward(args, X, Y, taps, low, high):
    D, H, W = triple(args, AT_D)
    C = number(args, AT_C)
    OD, OH, OW = triple(args, AT_OD)
    KD, KH, KW = triple(args, AT_KD)
    ED, EH, EW = triple(args, AT_ED)
    for m in range(low, high):
        n = m // (OD * OH)
        d, d_low, d_high = axis_taps(args, 0, m // OH % OD)
        h, h_low, h_high = axis_taps(args, 1, m % OH)
        for ow in range(OW):
            w, w_low, w_high = axis_taps(args, 2, ow)
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


@kernel
def _tap(distance, dilation):
    """The tap at this distance from the window's start; -1 where there is none."""
    if dilation == 1:
        return distance
    return distance // dilation if distance % dilation == 0 else -1


@kernel
def _max_backward(args, dY, taps, dX, low, high):
    D, H, W = triple(args, AT_D)
    C = number(args, AT_C)
    OD, OH, OW = triple(args, AT_OD)
    KD, KH, KW = triple(args, AT_KD)
    SD, SH, SW = triple(args, AT_SD)
    PD, PH, PW = triple(args, AT_PD)
    ED, EH, EW = triple(args, AT_ED)
    zero = dX.dtype.type(0)
    # The windows lie side by side, and no element is in two: nearly every network's.
    tiled = KD == SD and KH == SH and KW == SW and PD == PH == PW == 0 and ED == EH == EW == 1
    for m in range(low, high):
        n, d, h = m // (D * H), m // H % D, m % H
        d_first, d_last = axis_windows(args, 0, d)
        h_first, h_last = axis_windows(args, 1, h)
        if tiled:
            dx = dX[m * W * C : (m + 1) * W * C]
            if d_first > d_last or h_first > h_last:
                dx[:] = zero
            else:
                at = ((n * OD + d_first) * OH + h_first) * OW * C
                k = ((d - d_first * SD) * KH + h - h_first * SH) * KW
                _spread(dY[at : at + OW * C], taps[at : at + OW * C], k, KW, C, dx)
            continue
        w_first, w_last = 0, -1
        for w in range(W):
            w_first, w_last = next_windows(args, w, w_first, w_last)
            dx = dX[(m * W + w) * C : (m * W + w + 1) * C]
            empty = True
            for od in range(d_first, d_last + 1):
                kd = _tap(d + PD - od * SD, ED)
                for oh in range(h_first, h_last + 1):
                    kh = _tap(h + PH - oh * SH, EH)
                    for ow in range(w_first, min(OW - 1, w_last) + 1):
                        kw = _tap(w + PW - ow * SW, EW)
                        if min(kd, kh, kw) < 0:
                            continue
                        k = taps.dtype.type((kd * KH + kh) * KW + kw)
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
                for c in range(C):
                    dx[c] = zero


@kernel
def _spread(dy, t, k, KW, C, dx):
    """A row of the image whose windows lie side by side; k is the first tap in this row."""
    zero = dx.dtype.type(0)
    windows, width = (dy.size // C, dx.size // C) if C else (0, 0)
    for o in range(windows):
        y, p = dy[o * C : (o + 1) * C], t[o * C : (o + 1) * C]
        for kw in range(min(KW, width - o * KW)):  # the last window may reach behind the image
            x = dx[(o * KW + kw) * C : (o * KW + kw + 1) * C]
            tap = t.dtype.type(k + kw)
            for c in range(C):
                x[c] = y[c] if p[c] == tap else zero
    for i in range(windows * KW * C, dx.size):
        dx[i] = zero


@tiles_by_size
def _max_forward_job(args, i):
    low, high = rows_of(args, i)
    X, Y = array(args, 2, 0, image_size(args)), array(args, 3, 0, pooled_size(args))
    _max_forward(args, X, Y, array8(args, 4, 0, Y.size), low, high)


@tiles_by_size
def _max_backward_job(args, i):
    low, high = rows_of(args, i)
    dX, dY = array(args, 2, 0, image_size(args)), array(args, 3, 0, pooled_size(args))
    _max_backward(args, dY, array8(args, 4, 0, dY.size), dX, low, high)


def max_pool_forward(X, Y, taps, kernel, stride, padding, dilation):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return run(_max_forward_job, rows, X, Y, taps, numbers)
    args = arguments(rows, rows, X, Y, taps, numbers)
    return _max_forward(args.ctypes.data, X.ravel(), Y.ravel(), taps.ravel(), 0, rows)


def max_pool_backward(dY, taps, dX, kernel, stride, padding, dilation):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return run(_max_backward_job, rows, dX, dY, taps, numbers)
    args = arguments(rows, rows, dX, dY, taps, numbers)
    return _max_backward(args.ctypes.data, dY.ravel(), taps.ravel(), dX.ravel(), 0, rows)
