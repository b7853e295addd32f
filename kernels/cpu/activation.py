"""Bias and activation: one pass over the rows, in place of NumPy's pass for every operation."""

from __future__ import annotations

import numpy as np

from ._compile import kernel

__all__ = ["bias_act_backward", "bias_act_forward"]


@kernel
def bias_act_forward(Z, b, act, Y):
    M, N = Z.shape
    zero = Z.dtype.type(0)
    half = Z.dtype.type(0.5)
    if act == 1:
        for m in range(M):
            for n in range(N):
                z = Z[m, n] + b[n]
                # Not max(z, 0), which would lose a NaN.
                Y[m, n] = zero if z < zero else z
        return
    for m in range(M):
        for n in range(N):
            Y[m, n] = Z[m, n] + b[n]
    # NumPy's vectorised tanh through the array expression; Numba alone has only the scalar one.
    if act == 2:
        for m in range(M):
            for n in range(N):
                Y[m, n] = half + half * np.tanh(half * Y[m, n])
    elif act == 3:
        for m in range(M):
            for n in range(N):
                Y[m, n] = np.tanh(Y[m, n])


@kernel
def bias_act_backward(dY, Y, act, dZ, db):
    M, N = dY.shape
    zero = dY.dtype.type(0)
    one = dY.dtype.type(1)
    db[:] = zero
    for m in range(M):
        if act == 0:
            for n in range(N):
                d = dY[m, n]
                dZ[m, n] = d
                db[n] += d
        elif act == 1:
            for n in range(N):
                d = dY[m, n] if Y[m, n] > zero else zero
                dZ[m, n] = d
                db[n] += d
        elif act == 2:
            for n in range(N):
                y = Y[m, n]
                d = dY[m, n] * (y * (one - y))
                dZ[m, n] = d
                db[n] += d
        else:
            for n in range(N):
                y = Y[m, n]
                d = dY[m, n] * (one - y * y)
                dZ[m, n] = d
                db[n] += d
