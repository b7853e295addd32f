"""Average pooling. The loops go over the channels, which lie side by side."""

from __future__ import annotations

from ._compile import kernel
from ._pool import (
    AT_C,
    AT_D,
    AT_DIVISOR,
    AT_KD,
    AT_OD,
    AT_PAD,
    AT_PD,
    AT_SD,
    axis_taps,
    axis_windows,
    image_size,
    next_windows,
    pooled_size,
    rows_of,
    run,
    triple,
)
from .team import array, number, tiles_by_size

__all__ = ["avg_pool_backward", "avg_pool_forward"]


@kernel
def _axis_size(args, axis, o):
    """The length of window o, as it counts; 0 where a divisor is given in place of the size."""
    n, p = number(args, AT_D + axis), number(args, AT_PD + axis)
    start = o * number(args, AT_SD + axis) - p
    end = min(start + number(args, AT_KD + axis), n + p)
    if number(args, AT_DIVISOR) != 0:
        return 0
    return end - start if number(args, AT_PAD) else min(end, n) - max(start, 0)


@kernel
def _avg_forward(args, X, Y, low, high):
    D, H, W = triple(args, AT_D)
    C = number(args, AT_C)
    OD, OH, OW = triple(args, AT_OD)
    for m in range(low, high):
        n = m // (OD * OH)
        d, d_low, d_high = axis_taps(args, 0, m // OH % OD)
        h, h_low, h_high = axis_taps(args, 1, m % OH)
        area = _axis_size(args, 0, m // OH % OD) * _axis_size(args, 1, m % OH)
        for ow in range(OW):
            w, w_low, w_high = axis_taps(args, 2, ow)
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
            if empty:
                y[:] = 0
            scale = X.dtype.type(1 / (area * _axis_size(args, 2, ow) or number(args, AT_DIVISOR)))
            for c in range(C):
                y[c] *= scale


@kernel
def _avg_backward(args, dY, dX, low, high):
    D, H, W = triple(args, AT_D)
    C = number(args, AT_C)
    OD, OH, OW = triple(args, AT_OD)
    for m in range(low, high):
        n, d, h = m // (D * H), m // H % D, m % H
        d_first, d_last = axis_windows(args, 0, d)
        h_first, h_last = axis_windows(args, 1, h)
        w_first, w_last = 0, -1
        for w in range(W):
            w_first, w_last = next_windows(args, w, w_first, w_last)
            dx = dX[(m * W + w) * C : (m * W + w + 1) * C]
            empty = True
            for od in range(d_first, d_last + 1):
                for oh in range(h_first, h_last + 1):
                    area = _axis_size(args, 0, od) * _axis_size(args, 1, oh)
                    for ow in range(w_first, min(OW - 1, w_last) + 1):
                        at = (((n * OD + od) * OH + oh) * OW + ow) * C
                        dy = dY[at : at + C]
                        size = area * _axis_size(args, 2, ow) or number(args, AT_DIVISOR)
                        scale = dY.dtype.type(1 / size)
                        if empty:
                            for c in range(C):
                                dx[c] = dy[c] * scale
                        else:
                            for c in range(C):
                                dx[c] += dy[c] * scale
                        empty = False
            if empty:
                for c in range(C):
                    dx[c] = 0


@tiles_by_size
def _avg_forward_job(args, i):
    low, high = rows_of(args, i)
    X, Y = array(args, 2, 0, image_size(args)), array(args, 3, 0, pooled_size(args))
    _avg_forward(args, X, Y, low, high)


@tiles_by_size
def _avg_backward_job(args, i):
    low, high = rows_of(args, i)
    dX, dY = array(args, 2, 0, image_size(args)), array(args, 3, 0, pooled_size(args))
    _avg_backward(args, dY, dX, low, high)


def avg_pool_forward(X, Y, kernel, stride, padding, include_pad, divisor):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    run(_avg_forward_job, rows, X, Y, Y, numbers)


def avg_pool_backward(dY, dX, kernel, stride, padding, include_pad, divisor):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    run(_avg_backward_job, rows, dX, dY, dY, numbers)
