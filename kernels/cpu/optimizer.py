"""Optimiser steps: everything in one pass over the parameters.

The averages of a weight whose gradient has become zero (of a unit that no longer fires, say) shrink
into the subnormal numbers, where one operation takes a processor a hundred cycles: a whole step was
55 times slower. So what is below the smallest normal number becomes zero, as on the GPU.

A step over many parameters is shared by the team, each thread taking the same part of the arrays
every time; in a network of few layers that is about the part whose gradient it has computed.
"""

from __future__ import annotations

import numba
import numpy as np

from ._compile import inline, kernel
from .team import array, array64, number, run_tiles, team, tiles_by_size

__all__ = [
    "adam_step",
    "amsgrad_step",
    "clip_scale",
    "sgd_momentum_step",
    "sgd_step",
    "sum_of_squares",
]

#: Parameters from which a step is shared.
_SHARED = 1 << 15


@inline
def flush(x, tiny):
    """`x`, or zero where it is subnormal. Keeps NaN."""
    return x - x if abs(x) < tiny else x


# --- the steps, over a part of the arrays; `c` holds numbers that the kernels below prepare -----


@kernel
def _sgd(P, G, c):
    # One loop for all options: two products more cost nothing beside the memory traffic.
    real = P.dtype.type
    lr, sign, wd = real(c[0]), real(c[1]), real(c[2])
    for n in range(P.size):
        P[n] -= lr * (sign * G[n] + wd * P[n])


@kernel
def _sgd_momentum(P, G, B, c):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    lr, sign, wd = real(c[0]), real(c[1]), real(c[2])
    keep, take, ahead = real(c[3]), real(c[4]), real(c[5])
    if ahead != 0:
        for n in range(P.size):
            d = sign * G[n] + wd * P[n]
            b = flush(keep * B[n] + take * d, tiny)
            B[n] = b
            P[n] -= lr * (d + ahead * b)
    else:
        for n in range(P.size):
            d = sign * G[n] + wd * P[n]
            b = flush(keep * B[n] + take * d, tiny)
            B[n] = b
            P[n] -= lr * b


@kernel
def _adam(P, G, M, V, c):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    size, sign, wd, shrink = real(c[0]), real(c[1]), real(c[2]), real(c[3])
    take1, keep2, take2 = real(c[4]), real(c[5]), real(c[6])
    correct, eps = real(c[7]), real(c[8])
    for n in range(P.size):
        p = shrink * P[n]
        d = sign * G[n] + wd * p
        m = flush(M[n] + take1 * (d - M[n]), tiny)
        v = flush(keep2 * V[n] + take2 * (d * d), tiny)
        M[n] = m
        V[n] = v
        P[n] = p - size * (m / (np.sqrt(v) * correct + eps))


@kernel
def _amsgrad(P, G, M, V, V_max, c):
    real = P.dtype.type
    tiny = real(np.finfo(P.dtype).tiny)
    size, sign, wd, shrink = real(c[0]), real(c[1]), real(c[2]), real(c[3])
    take1, keep2, take2 = real(c[4]), real(c[5]), real(c[6])
    correct, eps = real(c[7]), real(c[8])
    for n in range(P.size):
        p = shrink * P[n]
        d = sign * G[n] + wd * p
        m = flush(M[n] + take1 * (d - M[n]), tiny)
        v = flush(keep2 * V[n] + take2 * (d * d), tiny)
        M[n] = m
        V[n] = v
        top = V_max[n]
        # Written so that a NaN on either side is kept.
        top = top if top >= v or top != top else v
        V_max[n] = top
        P[n] = p - size * (m / (np.sqrt(top) * correct + eps))


# --- the same as jobs of the team ----------------------------------------------------------------
#
# Arguments: number of elements, elements of a tile, address of c, addresses of the arrays.


@inline
def _part(args, i):
    """First and last element of tile i."""
    low = number(args, 1) * i
    return low, min(number(args, 0), low + number(args, 1))


@tiles_by_size
def _sgd_job(args, i):
    a, b = _part(args, i)
    _sgd(array(args, 3, a, b), array(args, 4, a, b), array64(args, 2, 0, 16))


@tiles_by_size
def _sgd_momentum_job(args, i):
    a, b = _part(args, i)
    c = array64(args, 2, 0, 16)
    _sgd_momentum(array(args, 3, a, b), array(args, 4, a, b), array(args, 5, a, b), c)


@tiles_by_size
def _adam_job(args, i):
    a, b = _part(args, i)
    P, G = array(args, 3, a, b), array(args, 4, a, b)
    M, V = array(args, 5, a, b), array(args, 6, a, b)
    _adam(P, G, M, V, array64(args, 2, 0, 16))


@tiles_by_size
def _amsgrad_job(args, i):
    a, b = _part(args, i)
    P, G = array(args, 3, a, b), array(args, 4, a, b)
    M, V = array(args, 5, a, b), array(args, 6, a, b)
    _amsgrad(P, G, M, V, array(args, 7, a, b), array64(args, 2, 0, 16))


@kernel
def _share(board, threads, job, c, arrays):
    """Have the team do `job` over arrays of one length; one tile for each thread."""
    args = np.empty(8, np.int64)
    args[0] = arrays[0].size
    args[1] = (arrays[0].size + threads - 1) // threads
    args[2] = c.ctypes.data
    for k, part in enumerate(numba.literal_unroll(arrays)):
        args[3 + k] = part.ctypes.data
    run_tiles(board, threads, job, args.ctypes.data, threads)


def _run(step, jobs, c, *arrays):
    """`step` on one thread, or its job on all, by the number of parameters."""
    helpers = team()
    if arrays[0].size < _SHARED or helpers.threads == 1:
        step(*arrays, c)
    else:
        helpers.wake()
        job = jobs[arrays[0].itemsize]
        _share(helpers.board, helpers.threads, job.address, c, arrays)


# --- the kernels ---------------------------------------------------------------------------------


@kernel
def _sgd_numbers(hyper, decay, maximize):
    c = np.zeros(16)
    c[0] = hyper[0]
    c[1] = -1 if maximize else 1
    c[2] = hyper[3] if decay else 0
    return c


@kernel
def _momentum_numbers(count, hyper, nesterov, decay, maximize):
    c = np.zeros(16)
    first = count[0] == 0
    c[0] = hyper[0]
    c[1] = -1 if maximize else 1
    c[2] = hyper[3] if decay else 0
    c[3] = 0 if first else hyper[1]
    c[4] = 1 if first else 1 - hyper[2]
    c[5] = hyper[1] if nesterov else 0
    count[0] += 1
    return c


@kernel
def _adam_numbers(count, hyper, decay, maximize):
    c = np.zeros(16)
    count[0] += 1
    c[0] = hyper[0] / (1 - hyper[1] ** count[0])
    c[1] = -1 if maximize else 1
    c[2] = hyper[4] if decay == 1 else 0
    c[3] = 1 - hyper[0] * hyper[4] if decay == 2 else 1
    c[4] = 1 - hyper[1]
    c[5] = hyper[2]
    c[6] = 1 - hyper[2]
    c[7] = 1 / np.sqrt(1 - hyper[2] ** count[0])
    c[8] = hyper[3]
    return c


def sgd_step(P, G, hyper, decay, maximize):
    _run(_sgd, _sgd_job, _sgd_numbers(hyper, decay, maximize), P, G)


def sgd_momentum_step(P, G, B, count, hyper, nesterov, decay, maximize):
    c = _momentum_numbers(count, hyper, nesterov, decay, maximize)
    _run(_sgd_momentum, _sgd_momentum_job, c, P, G, B)


def adam_step(P, G, M, V, count, hyper, decay, maximize):
    c = _adam_numbers(count, hyper, decay, maximize)
    _run(_adam, _adam_job, c, P, G, M, V)


def amsgrad_step(P, G, M, V, V_max, count, hyper, decay, maximize):
    c = _adam_numbers(count, hyper, decay, maximize)
    _run(_amsgrad, _amsgrad_job, c, P, G, M, V, V_max)


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
