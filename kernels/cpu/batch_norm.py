"""Batch normalisation over a matrix of M rows and C channels, shared by the team.

The loops run over the memory without regard to where a row of few channels ends: WIDE or more
elements, a whole number of rows, are one wide row, and vectors of one value a channel are repeated
to its length::

    memory    | a b c | a b c | a b c | a b c | ...     C = 3
    wide row  |<------------- W = 12 -------->|         2 or more rows
    mean      | A B C   A B C   A B C   A B C |

Sums run over blocks of wide rows in the arrays' own precision, with the blocks' results joined in
double. The variance of a block is that about the block's own mean, while the block is in the
cache, so that statistics take one pass over the memory and lose nothing far from zero. Which
elements are a tile depends on their number alone: results do not depend on the threads.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from ._scratch import Scratch
from .team import array, array64, number, run_tiles, team, tiles_by_size

__all__ = ["batch_norm_backward", "batch_norm_forward", "batch_norm_infer"]

#: Elements of a wide row, at least: so many hide the cost of beginning a loop.
WIDE = 256
#: Wide rows of a block, which stays in a core's first cache for up to WIDE channels.
BLOCK = 32
#: Tiles of a large matrix.
_TILES = 64
_scratch = Scratch()
#: Elements from which the work is shared.
_SHARED = 1 << 13

# Arguments of the jobs: elements of the matrix, of a channel's row, of a wide row, and of a tile;
# the activation and whether in training; the addresses of the matrices X, Y or dY, and dX, of the
# vectors (one wide row each), and of the sums (two rows of C doubles for each tile).
_SIZE, _CHANNELS, _WIDTH, _TILE, _ACT, _TRAINING, _X, _Y, _DX, _VECTORS, _SUMS = range(11)
# The vectors.
_MEAN, _SCALE, _BIAS, _FACTOR, _SHIFT = range(5)


@inline
def span(args, i):
    """The first element of tile i and the one after its last."""
    low = i * number(args, _TILE)
    return low, min(low + number(args, _TILE), number(args, _SIZE))


@inline
def fold(wide, C, c):
    """The sum of a wide row over channel c."""
    total = wide[c]
    for w in range(c + C, wide.size, C):
        total += wide[w]
    return total


@kernel
def moments(X, C, W, mean, squares):
    """The mean of each channel, and the sum of squared deviations from it."""
    total = np.empty(W, X.dtype)
    center = np.empty(W, X.dtype)
    spread = np.empty(W, X.dtype)
    mean[:] = 0.0
    squares[:] = 0.0
    rows = 0
    for start in range(0, X.size, BLOCK * W):
        block = X[start : min(X.size, start + BLOCK * W)]
        whole = block.size // W * W
        n = block.size // C
        total[:] = 0
        spread[:] = 0
        for at in range(0, whole, W):
            x = block[at : at + W]
            for w in range(W):
                total[w] += x[w]
        x = block[whole:]
        for w in range(x.size):
            total[w] += x[w]
        for c in range(C):
            center[c] = fold(total, C, c) / n
            for w in range(c + C, W, C):
                center[w] = center[c]
        # `center` is rounded, so the deviations from it have a sum too.
        total[:] = 0
        for at in range(0, whole, W):
            x = block[at : at + W]
            for w in range(W):
                z = x[w] - center[w]
                total[w] += z
                spread[w] += z * z
        x = block[whole:]
        for w in range(x.size):
            z = x[w] - center[w]
            total[w] += z
            spread[w] += z * z
        share = n / (rows + n)
        for c in range(C):
            rest = np.float64(fold(total, C, c))
            other = center[c] + rest / n
            d = other - mean[c]
            squares[c] += fold(spread, C, c) - rest * rest / n + d * d * rows * share
            mean[c] += d * share
        rows += n


@tiles_by_size
def _moments_job(args, i):
    low, high = span(args, i)
    C = number(args, _CHANNELS)
    mean = array64(args, _SUMS, 2 * i * C, (2 * i + 1) * C)
    squares = array64(args, _SUMS, (2 * i + 1) * C, (2 * i + 2) * C)
    moments(array(args, _X, low, high), C, number(args, _WIDTH), mean, squares)


@kernel
def apply(X, mean, scale, bias, act, Y):
    W = mean.size
    zero = X.dtype.type(0)
    for start in range(0, X.size, W):
        x = X[start : min(X.size, start + W)]
        y = Y[start : min(X.size, start + W)]
        if act == 0:
            for w in range(x.size):
                y[w] = (x[w] - mean[w]) * scale[w] + bias[w]
        else:
            for w in range(x.size):
                z = (x[w] - mean[w]) * scale[w] + bias[w]
                # Not max(z, 0), which would lose a NaN.
                y[w] = zero if z < zero else z


@tiles_by_size
def _apply_job(args, i):
    low, high = span(args, i)
    W = number(args, _WIDTH)
    apply(
        array(args, _X, low, high),
        array(args, _VECTORS, _MEAN * W, (_MEAN + 1) * W),
        array(args, _VECTORS, _SCALE * W, (_SCALE + 1) * W),
        array(args, _VECTORS, _BIAS * W, (_BIAS + 1) * W),
        number(args, _ACT),
        array(args, _Y, low, high),
    )


@kernel
def gradient_sums(dY, X, C, mean, scale, bias, act, dyx, dy):
    """For each channel the sums of ``g (X - mean)`` and of g, where g is dY, masked by `act`."""
    W = mean.size
    zero = X.dtype.type(0)
    part_x = np.empty(W, X.dtype)
    part = np.empty(W, X.dtype)
    dyx[:] = 0.0
    dy[:] = 0.0
    for start in range(0, X.size, BLOCK * W):
        end = min(X.size, start + BLOCK * W)
        part_x[:] = 0
        part[:] = 0
        for at in range(start, end, W):
            x = X[at : min(at + W, end)]
            g = dY[at : min(at + W, end)]
            if act == 0:
                for w in range(x.size):
                    part_x[w] += g[w] * (x[w] - mean[w])
                    part[w] += g[w]
            else:
                for w in range(x.size):
                    z = x[w] - mean[w]
                    d = g[w] if z * scale[w] + bias[w] > zero else zero
                    part_x[w] += d * z
                    part[w] += d
        for c in range(C):
            dyx[c] += fold(part_x, C, c)
            dy[c] += fold(part, C, c)


@tiles_by_size
def _gradient_sums_job(args, i):
    low, high = span(args, i)
    C, W = number(args, _CHANNELS), number(args, _WIDTH)
    gradient_sums(
        array(args, _Y, low, high),
        array(args, _X, low, high),
        C,
        array(args, _VECTORS, _MEAN * W, (_MEAN + 1) * W),
        array(args, _VECTORS, _SCALE * W, (_SCALE + 1) * W),
        array(args, _VECTORS, _BIAS * W, (_BIAS + 1) * W),
        number(args, _ACT),
        array64(args, _SUMS, 2 * i * C, (2 * i + 1) * C),
        array64(args, _SUMS, (2 * i + 1) * C, (2 * i + 2) * C),
    )


@kernel
def gradient(dY, X, vectors, act, training, dX):
    W = vectors.shape[1]
    mean, scale, bias = vectors[_MEAN], vectors[_SCALE], vectors[_BIAS]
    factor, shift = vectors[_FACTOR], vectors[_SHIFT]
    zero = X.dtype.type(0)
    for start in range(0, X.size, W):
        x = X[start : min(X.size, start + W)]
        g = dY[start : min(X.size, start + W)]
        dx = dX[start : min(X.size, start + W)]
        if training and act == 0:
            for w in range(x.size):
                dx[w] = scale[w] * g[w] - (x[w] - mean[w]) * factor[w] - shift[w]
        elif training:
            for w in range(x.size):
                z = x[w] - mean[w]
                d = g[w] if z * scale[w] + bias[w] > zero else zero
                dx[w] = scale[w] * d - z * factor[w] - shift[w]
        elif act == 0:
            for w in range(x.size):
                dx[w] = scale[w] * g[w]
        else:
            for w in range(x.size):
                z = (x[w] - mean[w]) * scale[w] + bias[w]
                dx[w] = scale[w] * (g[w] if z > zero else zero)


@tiles_by_size
def _gradient_job(args, i):
    low, high = span(args, i)
    W = number(args, _WIDTH)
    gradient(
        array(args, _Y, low, high),
        array(args, _X, low, high),
        array(args, _VECTORS, 0, 5 * W).reshape((5, W)),
        number(args, _ACT),
        number(args, _TRAINING),
        array(args, _DX, low, high),
    )


@kernel
def _plan(X, Y, dX, act, training, sums):
    """The arguments of the jobs, the vectors, and the number of tiles."""
    C = X.shape[1]
    W = max(1, WIDE // max(C, 1)) * C
    args = np.empty(11, np.int64)
    blocks = (X.size + BLOCK * W - 1) // max(BLOCK * W, 1)
    of_tile = max(1, (blocks + _TILES - 1) // _TILES) * BLOCK * W
    tiles = (X.size + of_tile - 1) // max(of_tile, 1)
    vectors = np.empty((5, W), X.dtype)
    args[_SIZE], args[_CHANNELS], args[_WIDTH], args[_TILE] = X.size, C, W, of_tile
    args[_ACT], args[_TRAINING] = act, training
    args[_X], args[_Y], args[_DX] = X.ctypes.data, Y.ctypes.data, dX.ctypes.data
    args[_VECTORS], args[_SUMS] = vectors.ctypes.data, sums.ctypes.data
    return args, vectors, tiles


@inline
def keep(args, vectors, sums):
    """Called after the jobs, which know addresses only: Numba frees an array after its last use."""
    return args.size + vectors.size + sums.size


@inline
def repeat(vector, C):
    """Fill a wide row from its first C elements."""
    for w in range(C, vector.size):
        vector[w] = vector[w - C]


@inline
def fill(vectors, C, mean, rstd, weight, bias):
    """Write what `apply` multiplies with and adds."""
    for c in range(C):
        vectors[_MEAN, c] = mean[c]
        vectors[_SCALE, c] = rstd[c] if weight is None else rstd[c] * weight[c]
        vectors[_BIAS, c] = 0 if bias is None else bias[c]
    for k in range(_MEAN, _BIAS + 1):
        repeat(vectors[k], C)


@kernel
def _forward(
    board, threads, moments_job, apply_job,
    X, weight, bias, running_mean, running_var, count, momentum, eps, act, Y, mean, rstd, sums,
):  # fmt: skip
    M, C = X.shape
    one = X.dtype.type(1)
    args, vectors, tiles = _plan(X, Y, Y, act, True, sums)
    run_tiles(board, threads, moments_job, args.ctypes.data, tiles)
    # The tiles' means and squares, joined in order (Chan, Golub and LeVeque 1979).
    total, squares = sums[0, 0], sums[0, 1]
    of_tile = args[_TILE] // C
    for i in range(1, tiles):
        before = i * of_tile
        n = min(of_tile, M - before)
        share = n / (before + n)
        for c in range(C):
            d = sums[i, 0, c] - total[c]
            total[c] += d * share
            squares[c] += sums[i, 1, c] + d * d * before * share
    for c in range(C):
        squares[c] /= M
        mean[c] = total[c]
        rstd[c] = 1 / np.sqrt(squares[c] + eps)
    fill(vectors, C, mean, rstd, weight, bias)
    run_tiles(board, threads, apply_job, args.ctypes.data, tiles)
    if count is not None:
        count[()] += 1
        if momentum < 0:
            momentum = 1 / count[()]
    if running_mean is not None:
        factor = X.dtype.type(momentum)
        unbiased = M / (M - 1)
        for c in range(C):
            running_mean[c] = (one - factor) * running_mean[c] + factor * mean[c]
            var = X.dtype.type(squares[c] * unbiased)
            running_var[c] = (one - factor) * running_var[c] + factor * var
    return keep(args, vectors, sums)


@kernel
def _infer(board, threads, job, X, weight, bias, mean, var, eps, act, Y, sums):
    C = X.shape[1]
    args, vectors, tiles = _plan(X, Y, Y, act, False, sums)
    rstd = np.empty(C, X.dtype)
    for c in range(C):
        rstd[c] = X.dtype.type(1) / np.sqrt(var[c] + X.dtype.type(eps))
    fill(vectors, C, mean, rstd, weight, bias)
    run_tiles(board, threads, job, args.ctypes.data, tiles)
    return keep(args, vectors, sums)


@kernel
def _backward(
    board, threads, sums_job, gradient_job,
    dY, X, weight, bias, mean, rstd, training, act, dX, dweight, dbias, sums,
):  # fmt: skip
    M, C = X.shape
    args, vectors, tiles = _plan(X, dY, dX, act, training, sums)
    fill(vectors, C, mean, rstd, weight, bias)
    run_tiles(board, threads, sums_job, args.ctypes.data, tiles)
    total = np.zeros((2, C), np.float64)
    for i in range(tiles):
        for c in range(C):
            total[0, c] += sums[i, 0, c]
            total[1, c] += sums[i, 1, c]
    for c in range(C):
        product = total[0, c] * rstd[c]
        dweight[c] = product
        dbias[c] = total[1, c]
        scale = np.float64(vectors[_SCALE, c])
        vectors[_FACTOR, c] = scale * product / M * rstd[c]
        vectors[_SHIFT, c] = scale * total[1, c] / M
    repeat(vectors[_FACTOR], C)
    repeat(vectors[_SHIFT], C)
    run_tiles(board, threads, gradient_job, args.ctypes.data, tiles)
    return keep(args, vectors, sums)


def batch_norm_forward(
    X, weight, bias, running_mean, running_var, count, momentum, eps, act, Y, mean, rstd
):
    _forward(
        *_helpers(X), _moments_job[X.itemsize].address, _apply_job[X.itemsize].address,
        X, weight, bias, running_mean, running_var, count, momentum, eps, act, Y, mean, rstd,
        _sums_of(X),
    )  # fmt: skip


def batch_norm_infer(X, weight, bias, mean, var, eps, act, Y):
    job = _apply_job[X.itemsize].address
    _infer(*_helpers(X), job, X, weight, bias, mean, var, eps, act, Y, _sums_of(X))


def batch_norm_backward(dY, X, weight, bias, mean, rstd, training, act, dX, dweight, dbias):
    _backward(
        *_helpers(X), _gradient_sums_job[X.itemsize].address, _gradient_job[X.itemsize].address,
        dY, X, weight, bias, mean, rstd, training, act, dX, dweight, dbias, _sums_of(X),
    )  # fmt: skip


def _sums_of(X):
    """Memory for two sums of each channel, of each tile."""
    return _scratch.array(_TILES * 2 * X.shape[1], np.float64).reshape(_TILES, 2, X.shape[1])


def _helpers(X):
    """The board, and the number of threads that share the work."""
    helpers = team()
    if X.size < _SHARED or helpers.threads == 1:
        return helpers.board, 1
    helpers.wake()
    return helpers.board, helpers.threads
