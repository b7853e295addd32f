"""Pooling, shared by the team: `_max_pool` and `_avg_pool` have the loops."""

from __future__ import annotations

from ._avg_pool import avg_backward_job, avg_forward_job
from ._max_pool import max_backward, max_backward_job, max_forward, max_forward_job
from ._pool import arguments, run

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
]


def max_pool_forward(X, Y, taps, kernel, stride, padding, dilation):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return run(max_forward_job, rows, X, Y, taps, numbers)
    args = arguments(rows, rows, X, Y, taps, numbers)
    return max_forward(args.ctypes.data, X.ravel(), Y.ravel(), taps.ravel(), 0, rows)


def max_pool_backward(dY, taps, dX, kernel, stride, padding, dilation):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, *dilation)
    if taps.itemsize == 1:
        return run(max_backward_job, rows, dX, dY, taps, numbers)
    args = arguments(rows, rows, dX, dY, taps, numbers)
    return max_backward(args.ctypes.data, dY.ravel(), taps.ravel(), dX.ravel(), 0, rows)


def avg_pool_forward(X, Y, kernel, stride, padding, include_pad, divisor):
    rows = Y.shape[0] * Y.shape[1] * Y.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    run(avg_forward_job, rows, X, Y, Y, numbers)


def avg_pool_backward(dY, dX, kernel, stride, padding, include_pad, divisor):
    rows = dX.shape[0] * dX.shape[1] * dX.shape[2]
    numbers = (*kernel, *stride, *padding, 1, 1, 1, include_pad, divisor)
    run(avg_backward_job, rows, dX, dY, dY, numbers)
