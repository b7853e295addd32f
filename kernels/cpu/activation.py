"""Activations in one pass over the elements, in place of NumPy's pass for every operation.

Large arrays are shared by the team: of a matrix a block of rows for each thread, of other arrays
parts of some thousand elements.
"""

from __future__ import annotations

import math

import numpy as np

from ._compile import inline, kernel
from ._math import erf, exp, expm1, sigmoid, softplus, tanh
from .team import array, array64, number, run_tiles, team, tiles_by_size

__all__ = [
    "activation_backward",
    "activation_forward",
    "bias_act_backward",
    "bias_act_forward",
    "layer_forward",
]


#: Elements from which the work is shared.
_SHARED = 1 << 13
#: The same where there is no matrix, and elements of a tile, at least.
_SHARED_EACH, _TILE = 1 << 15, 1 << 13
_TILES = 64
#: Rows of which the sum is taken at once.
_ROWS = 8


# Each for one array, where the result takes the place of an argument, and for two: the compiler has
# no SIMD code for two arrays that overlap.


@inline
def _rows_forward(Z, b, act, Y):
    M, N = Z.shape
    zero = Z.dtype.type(0)
    if act == 0:
        for m in range(M):
            for n in range(N):
                Y[m, n] = Z[m, n] + b[n]
    elif act == 1:
        for m in range(M):
            for n in range(N):
                z = Z[m, n] + b[n]
                # Not max(z, 0), which would lose a NaN.
                Y[m, n] = zero if z < zero else z
    elif act == 2:
        for m in range(M):
            for n in range(N):
                Y[m, n] = sigmoid(Z[m, n] + b[n])
    else:
        for m in range(M):
            for n in range(N):
                Y[m, n] = tanh(Z[m, n] + b[n])


@kernel
def _forward(Z, b, act, Y):
    if Y.ctypes.data == Z.ctypes.data:
        _rows_forward(Y, b, act, Y)
    else:
        _rows_forward(Z, b, act, Y)


@inline
def _rows_backward(dY, Y, act, dZ, db):
    M, N = dY.shape
    zero = dY.dtype.type(0)
    one = dY.dtype.type(1)
    db[:] = zero
    for low in range(0, M, _ROWS):
        high = min(M, low + _ROWS)
        for m in range(low, high if act else low):
            if act == 1:
                for n in range(N):
                    dZ[m, n] = dY[m, n] if Y[m, n] > zero else zero
            elif act == 2:
                for n in range(N):
                    y = Y[m, n]
                    dZ[m, n] = dY[m, n] * (y * (one - y))
            else:
                for n in range(N):
                    y = Y[m, n]
                    dZ[m, n] = dY[m, n] * (one - y * y)
        for m in range(low, low if act or dZ.ctypes.data == dY.ctypes.data else high):
            for n in range(N):
                dZ[m, n] = dY[m, n]
        if high - low == _ROWS:
            # So many rows at once: the sum stays out of the way of the memory it goes to, and the
            # rounding errors are those of fewer additions.
            for n in range(N):
                d = (dZ[low, n] + dZ[low + 1, n]) + (dZ[low + 2, n] + dZ[low + 3, n])
                e = (dZ[low + 4, n] + dZ[low + 5, n]) + (dZ[low + 6, n] + dZ[low + 7, n])
                db[n] += d + e
        else:
            for m in range(low, high):
                for n in range(N):
                    db[n] += dZ[m, n]


@kernel
def _backward(dY, Y, act, dZ, db):
    if dZ.ctypes.data == dY.ctypes.data:
        _rows_backward(dZ, Y, act, dZ, db)
    else:
        _rows_backward(dY, Y, act, dZ, db)


# Arguments of the jobs: M, N, act, rows of a tile, the addresses of three matrices and a row.


@inline
def _block(args, i):
    """First and last row of tile i, and the number of columns."""
    low, high = i * number(args, 3), min(number(args, 0), (i + 1) * number(args, 3))
    return low, max(low, high), number(args, 1)


@tiles_by_size
def _forward_job(args, i):
    low, high, N = _block(args, i)
    Z = array(args, 4, low * N, high * N).reshape((high - low, N))
    Y = array(args, 5, low * N, high * N).reshape((high - low, N))
    _forward(Z, array(args, 7, 0, N), number(args, 2), Y)


@tiles_by_size
def _backward_job(args, i):
    low, high, N = _block(args, i)
    dY = array(args, 4, low * N, high * N).reshape((high - low, N))
    Y = array(args, 5, low * N, high * N).reshape((high - low, N))
    dZ = array(args, 6, low * N, high * N).reshape((high - low, N))
    _backward(dY, Y, number(args, 2), dZ, array(args, 7, i * N, (i + 1) * N))


@kernel
def _share(board, threads, job, act, X, Y, dZ, row):
    M, N = X.shape
    args = np.empty(8, np.int64)
    args[0], args[1], args[2], args[3] = M, N, act, (M + threads - 1) // threads
    args[4], args[5], args[6] = X.ctypes.data, Y.ctypes.data, dZ.ctypes.data
    args[7] = row.ctypes.data
    run_tiles(board, threads, job, args.ctypes.data, threads)


@kernel
def _share_backward(board, threads, job, act, dY, Y, dZ, db):
    # Each block of rows has a sum of its own; they are added up in order.
    sums = np.empty((threads, db.size), db.dtype)
    _share(board, threads, job, act, dY, Y, dZ, sums)
    for n in range(db.size):
        db[n] = sums[0, n]
    for i in range(1, threads):
        for n in range(db.size):
            db[n] += sums[i, n]


def bias_act_forward(Z, b, act, Y):
    helpers = team()
    if Z.size < _SHARED or helpers.threads == 1:
        return _forward(Z, b, act, Y)
    helpers.wake()
    job = _forward_job[Z.itemsize]
    return _share(helpers.board, helpers.threads, job.address, act, Z, Y, Y, b)


def bias_act_backward(dY, Y, act, dZ, db):
    helpers = team()
    if dY.size < _SHARED or helpers.threads == 1:
        return _backward(dY, Y, act, dZ, db)
    helpers.wake()
    job = _backward_job[dY.itemsize]
    return _share_backward(helpers.board, helpers.threads, job.address, act, dY, Y, dZ, db)


SQRT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)
C = math.sqrt(2 / math.pi)
C3 = C * 0.044715


# One loop for each activation, so that each becomes SIMD code of its own.
@kernel
def _each_forward(X, act, a, b, Y):
    real = X.dtype.type
    zero, one, half = real(0), real(1), real(0.5)
    a, b = real(a), real(b)
    n = X.size
    if act == 1:
        for i in range(n):
            x = X[i]
            Y[i] = zero if x < zero else x
    elif act == 2:
        for i in range(n):
            Y[i] = sigmoid(X[i])
    elif act == 3:
        for i in range(n):
            Y[i] = tanh(X[i])
    elif act == 4:
        for i in range(n):
            x = X[i]
            Y[i] = x if x > zero else x * a
    elif act == 5:
        for i in range(n):
            x = X[i]
            Y[i] = x if x > zero else a * expm1(x)
    elif act == 6:
        c = real(SQRT_HALF)
        for i in range(n):
            x = X[i]
            Y[i] = x * (half + half * erf(x * c))
    elif act == 7:
        c, c3 = real(C), real(C3)
        for i in range(n):
            x = X[i]
            Y[i] = x * (half + half * tanh(x * (c + c3 * x * x)))
    elif act == 8:
        for i in range(n):
            x = X[i]
            Y[i] = x * sigmoid(x)
    elif act == 9:
        for i in range(n):
            x = X[i]
            Y[i] = x if x * a > b else softplus(x * a) / a
    elif act == 10:
        for i in range(n):
            x = X[i]
            x = a if x < a else x
            Y[i] = b if x > b else x
    elif act == 11:
        for i in range(n):
            x = X[i]
            Y[i] = x * tanh(softplus(x))
    else:
        for i in range(n):
            x = X[i]
            Y[i] = x / (one + abs(x))


@kernel
def layer_forward(Z, b, act, A):
    M, N = Z.shape
    for m in range(M):
        for n in range(N):
            Z[m, n] += b[n]
    if act == 0:
        A[:] = Z
    else:
        _each_forward(Z.ravel(), act, 0.0, 0.0, A.ravel())


@kernel
def _each_backward(dY, S, act, a, b, dX):
    real = dY.dtype.type
    zero, one, half = real(0), real(1), real(0.5)
    a, b = real(a), real(b)
    n = dY.size
    if act == 1:
        for i in range(n):
            dX[i] = dY[i] if S[i] > zero else zero
    elif act == 2:
        for i in range(n):
            y = S[i]
            dX[i] = dY[i] * (y * (one - y))
    elif act == 3:
        for i in range(n):
            y = S[i]
            dX[i] = dY[i] * (one - y * y)
    elif act == 4:
        for i in range(n):
            dX[i] = dY[i] * (one if S[i] > zero else a)
    elif act == 5:
        for i in range(n):
            x = S[i]
            dX[i] = dY[i] * (one if x > zero else a * exp(x))
    elif act == 6:
        c, density = real(SQRT_HALF), real(DENSITY)
        for i in range(n):
            x = S[i]
            slope = half + half * erf(x * c) + x * (density * exp(-half * x * x))
            dX[i] = dY[i] * slope
    elif act == 7:
        c, c3 = real(C), real(C3)
        three = real(3)
        for i in range(n):
            x = S[i]
            t = tanh(x * (c + c3 * x * x))
            inner = c + three * c3 * x * x
            dX[i] = dY[i] * (half + half * t + half * x * (one - t * t) * inner)
    elif act == 8:
        for i in range(n):
            x = S[i]
            s = sigmoid(x)
            dX[i] = dY[i] * (s * (one + x * (one - s)))
    elif act == 9:
        for i in range(n):
            x = S[i] * a
            dX[i] = dY[i] * (one if x > b else sigmoid(x))
    elif act == 10:
        for i in range(n):
            x = S[i]
            dX[i] = zero if (x <= a) | (x >= b) else dY[i]
    elif act == 11:
        for i in range(n):
            x = S[i]
            t = tanh(softplus(x))
            dX[i] = dY[i] * (t + x * (one - t * t) * sigmoid(x))
    else:
        for i in range(n):
            bottom = one + abs(S[i])
            dX[i] = dY[i] / (bottom * bottom)


# Arguments of the jobs: elements, elements of a tile, the activation, the addresses of its
# parameters (two doubles) and of three arrays.


@inline
def _part(args, i):
    low = i * number(args, 1)
    return low, min(number(args, 0), low + number(args, 1))


@tiles_by_size
def _each_forward_job(args, i):
    low, high = _part(args, i)
    parameters = array64(args, 3, 0, 2)
    X, Y = array(args, 4, low, high), array(args, 5, low, high)
    _each_forward(X, number(args, 2), parameters[0], parameters[1], Y)


@tiles_by_size
def _each_backward_job(args, i):
    low, high = _part(args, i)
    parameters = array64(args, 3, 0, 2)
    dY, S, dX = array(args, 4, low, high), array(args, 5, low, high), array(args, 6, low, high)
    _each_backward(dY, S, number(args, 2), parameters[0], parameters[1], dX)


@kernel
def _share_each(board, threads, job, X, S, act, a, b, Y):
    of_tile = max(_TILE, (X.size + _TILES - 1) // _TILES)
    args, parameters = np.empty(7, np.int64), np.empty(2, np.float64)
    parameters[0], parameters[1] = a, b
    args[0], args[1], args[2], args[3] = X.size, of_tile, act, parameters.ctypes.data
    args[4], args[5], args[6] = X.ctypes.data, S.ctypes.data, Y.ctypes.data
    run_tiles(board, threads, job, args.ctypes.data, (X.size + of_tile - 1) // of_tile)
    # Numba frees an array after its last use, which is this.
    return args.size + parameters.size


def activation_forward(X, act, a, b, Y):
    helpers = team()
    if X.size < _SHARED_EACH or helpers.threads == 1:
        return _each_forward(X, act, a, b, Y)
    helpers.wake()
    job = _each_forward_job[X.itemsize].address
    _share_each(helpers.board, helpers.threads, job, X, Y, act, float(a), float(b), Y)
    return None


def activation_backward(dY, S, act, a, b, dX):
    helpers = team()
    if dY.size < _SHARED_EACH or helpers.threads == 1:
        return _each_backward(dY, S, act, a, b, dX)
    helpers.wake()
    job = _each_backward_job[dY.itemsize].address
    _share_each(helpers.board, helpers.threads, job, dY, S, act, float(a), float(b), dX)
    return None
