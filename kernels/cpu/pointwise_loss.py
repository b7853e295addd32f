"""Losses of single elements, block by block, so that nothing of the input's size is in between."""

from __future__ import annotations

import numpy as np

from ._compile import kernel
from ._math import sigmoid, softplus

__all__ = ["pointwise_loss_backward", "pointwise_loss_forward"]

#: Elements whose losses are summed in the arrays' own precision; the blocks' sums, in double.
BLOCK = 1024


@kernel
def pointwise_loss_forward(X, T, kind, delta, scale, L, total):
    n = X.size
    zero = X.dtype.type(0)
    half = X.dtype.type(0.5)
    limit = X.dtype.type(delta)
    factor = X.dtype.type(scale)
    scratch = np.empty(min(n, BLOCK), X.dtype)
    result = 0.0
    for start in range(0, n, BLOCK):
        x = X[start : start + BLOCK]
        t = T[start : start + BLOCK]
        values = scratch[: x.size]
        if kind == 0:
            for i in range(x.size):
                d = x[i] - t[i]
                values[i] = d * d
        elif kind == 1:
            for i in range(x.size):
                values[i] = abs(x[i] - t[i])
        elif kind == 2:
            for i in range(x.size):
                d = x[i] - t[i]
                # Not min and max, which would lose a NaN.
                slope = limit if d > limit else d
                slope = -limit if slope < -limit else slope
                values[i] = slope * (d - half * slope)
        else:
            for i in range(x.size):
                values[i] = softplus(x[i]) - t[i] * x[i]
        if L is not None:
            out = L[start : start + BLOCK]
            for i in range(x.size):
                out[i] = values[i] * factor
        if total is not None:
            part = zero
            for i in range(x.size):
                part += values[i]
            result += part
    if total is not None:
        total[()] = result * scale


@kernel
def pointwise_loss_backward(X, T, kind, delta, scale, dL, dX):
    zero = X.dtype.type(0)
    one = X.dtype.type(1)
    limit = X.dtype.type(delta)
    factor = X.dtype.type(scale)
    if kind == 0:
        factor *= X.dtype.type(2)
    if dL.size == 1:
        factor *= dL[0]
    if kind == 0:
        for i in range(X.size):
            dX[i] = factor * (X[i] - T[i])
    elif kind == 1:
        for i in range(X.size):
            d = X[i] - T[i]
            # The last d is 0 or NaN.
            dX[i] = factor * (one if d > zero else (-one if d < zero else d))
    elif kind == 2:
        for i in range(X.size):
            d = X[i] - T[i]
            d = limit if d > limit else d
            dX[i] = factor * (-limit if d < -limit else d)
    else:
        for i in range(X.size):
            dX[i] = factor * (sigmoid(X[i]) - T[i])
    if dL.size != 1:
        for i in range(X.size):
            dX[i] *= dL[i]
