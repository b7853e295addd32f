"""Optimiser steps: everything in one pass over the parameters.

The averages of a weight whose gradient has become zero (of a unit that no longer fires, say) shrink
into the subnormal numbers, where one operation takes a processor a hundred cycles: a whole step was
55 times slower. So what is below the smallest normal number becomes zero, as on the GPU.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel

__all__ = [
    "adam_step",
    "amsgrad_step",
    "clip_scale",
    "sgd_momentum_step",
    "sgd_step",
    "sum_of_squares",
]


@inline
def flush(x, tiny):
    """`x`, or zero where it is subnormal. Keeps NaN."""
    return x - x if abs(x) < tiny else x


@kernel
def sgd_step(P, G, hyper, decay, maximize):
    real = P.dtype.type
    lr = real(hyper[0])
    # One loop for all options: two products more cost nothing beside the memory traffic.
    wd = real(hyper[3]) if decay else real(0)
    sign = real(-1) if maximize else real(1)
    for n in range(P.size):
        P[n] -= lr * (sign * G[n] + wd * P[n])


@kernel
def sgd_momentum_step(P, G, B, count, hyper, nesterov, decay, maximize):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    first = count[0] == 0
    lr = real(hyper[0])
    momentum = real(hyper[1])
    keep = real(0) if first else momentum
    take = real(1) if first else real(1 - hyper[2])
    wd = real(hyper[3]) if decay else real(0)
    sign = real(-1) if maximize else real(1)
    if nesterov:
        for n in range(P.size):
            d = sign * G[n] + wd * P[n]
            b = flush(keep * B[n] + take * d, tiny)
            B[n] = b
            P[n] -= lr * (d + momentum * b)
    else:
        for n in range(P.size):
            d = sign * G[n] + wd * P[n]
            b = flush(keep * B[n] + take * d, tiny)
            B[n] = b
            P[n] -= lr * b
    count[0] += 1


@kernel
def adam_step(P, G, M, V, count, hyper, decay, maximize):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    count[0] += 1
    beta1 = real(1 - hyper[1])
    keep2 = real(hyper[2])
    beta2 = real(1 - hyper[2])
    eps = real(hyper[3])
    size = real(hyper[0] / (1 - hyper[1] ** count[0]))
    correct = real(1 / np.sqrt(1 - hyper[2] ** count[0]))
    shrink = real(1 - hyper[0] * hyper[4]) if decay == 2 else real(1)
    wd = real(hyper[4]) if decay == 1 else real(0)
    sign = real(-1) if maximize else real(1)
    for n in range(P.size):
        p = shrink * P[n]
        d = sign * G[n] + wd * p
        m = flush(M[n] + beta1 * (d - M[n]), tiny)
        v = flush(keep2 * V[n] + beta2 * (d * d), tiny)
        M[n] = m
        V[n] = v
        P[n] = p - size * (m / (np.sqrt(v) * correct + eps))


@kernel
def amsgrad_step(P, G, M, V, V_max, count, hyper, decay, maximize):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    count[0] += 1
    beta1 = real(1 - hyper[1])
    keep2 = real(hyper[2])
    beta2 = real(1 - hyper[2])
    eps = real(hyper[3])
    size = real(hyper[0] / (1 - hyper[1] ** count[0]))
    correct = real(1 / np.sqrt(1 - hyper[2] ** count[0]))
    shrink = real(1 - hyper[0] * hyper[4]) if decay == 2 else real(1)
    wd = real(hyper[4]) if decay == 1 else real(0)
    sign = real(-1) if maximize else real(1)
    for n in range(P.size):
        p = shrink * P[n]
        d = sign * G[n] + wd * p
        m = flush(M[n] + beta1 * (d - M[n]), tiny)
        v = flush(keep2 * V[n] + beta2 * (d * d), tiny)
        M[n] = m
        V[n] = v
        top = V_max[n]
        # Written so that a NaN on either side is kept.
        top = top if top >= v or top != top else v
        V_max[n] = top
        P[n] = p - size * (m / (np.sqrt(top) * correct + eps))


@kernel
def sum_of_squares(X, total):
    sum = 0.0
    for n in range(X.size):
        x = np.float64(X[n])
        sum += x * x
    total[0] = sum


@kernel
def clip_scale(X, norm, max_norm):
    factor = max_norm / (norm[0] + 1e-6)
    if factor >= 1:
        return
    f = X.dtype.type(factor)
    for n in range(X.size):
        X[n] *= f
