"""Group normalisation of images in channels-last memory, shared by the team.

What batch norm does for all rows, with its loops (see `batch_norm`), is done here for those of each
sample; the channels' moments are then joined to those of their group. Where there are few samples,
each is cut into parts, as their number and size say alone: results do not depend on the threads.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from .batch_norm import WIDE, apply, gradient, gradient_sums, moments, repeat
from .team import array, array64, number, run_tiles, team, tiles_by_size

__all__ = ["group_norm_backward", "group_norm_forward"]

#: Tiles of many images.
_TILES = 64
#: Elements of a part of a sample, at least, and elements from which the work is shared.
_PART = 1 << 13

# Arguments of the jobs: samples N, pixels S, channels C, groups G; parts of a sample, pixels of a
# part, parts of a tile, elements of a wide row; the addresses of X, Y or dY, and dX, of weight and
# bias, of mean and rstd of each group, of two sums for each channel of each part, and of two terms
# for each group.
_N, _S, _C, _G, _PARTS, _ROWS, _TILE, _WIDTH = range(8)
_X, _Y, _DX, _WEIGHT, _BIAS, _MEAN, _RSTD, _SUMS, _TERMS = range(8, 17)


@inline
def parts_of(args, i):
    """The first part of tile i and the one after its last."""
    low = i * number(args, _TILE)
    return low, min(low + number(args, _TILE), number(args, _N) * number(args, _PARTS))


@inline
def place(args, part):
    """The sample of a part, and the places of its first element and of the one after its last."""
    parts, S, C = number(args, _PARTS), number(args, _S), number(args, _C)
    n = part // parts
    first = part % parts * number(args, _ROWS)
    last = min(S, first + number(args, _ROWS))
    return n, (n * S + min(first, S)) * C, (n * S + last) * C


@tiles_by_size
def _moments_job(args, i):
    low, high = parts_of(args, i)
    C, W = number(args, _C), number(args, _WIDTH)
    for part in range(low, high):
        _, start, stop = place(args, part)
        mean = array64(args, _SUMS, 2 * part * C, (2 * part + 1) * C)
        squares = array64(args, _SUMS, (2 * part + 1) * C, (2 * part + 2) * C)
        moments(array(args, _X, start, stop), C, W, mean, squares)


@tiles_by_size
def _apply_job(args, i):
    low, high = parts_of(args, i)
    C, W, G = number(args, _C), number(args, _WIDTH), number(args, _G)
    weight, bias = array(args, _WEIGHT, 0, C), array(args, _BIAS, 0, C)
    mean, scale, shift = (
        np.empty(W, weight.dtype),
        np.empty(W, weight.dtype),
        np.empty(W, weight.dtype),
    )
    for part in range(low, high):
        n, start, stop = place(args, part)
        means, rstds = array(args, _MEAN, n * G, n * G + G), array(args, _RSTD, n * G, n * G + G)
        for c in range(C):
            g = c * G // C
            mean[c] = means[g]
            scale[c] = rstds[g] * weight[c]
            shift[c] = bias[c]
        repeat(mean, C)
        repeat(scale, C)
        repeat(shift, C)
        apply(array(args, _X, start, stop), mean, scale, shift, 0, array(args, _Y, start, stop))


@tiles_by_size
def _gradient_sums_job(args, i):
    low, high = parts_of(args, i)
    C, W, G = number(args, _C), number(args, _WIDTH), number(args, _G)
    weight = array(args, _WEIGHT, 0, C)
    mean = np.empty(W, weight.dtype)
    for part in range(low, high):
        n, start, stop = place(args, part)
        means = array(args, _MEAN, n * G, n * G + G)
        for c in range(C):
            mean[c] = means[c * G // C]
        repeat(mean, C)
        dyx = array64(args, _SUMS, 2 * part * C, (2 * part + 1) * C)
        dy = array64(args, _SUMS, (2 * part + 1) * C, (2 * part + 2) * C)
        X, dY = array(args, _X, start, stop), array(args, _Y, start, stop)
        gradient_sums(dY, X, C, mean, mean, mean, 0, dyx, dy)


@tiles_by_size
def _gradient_job(args, i):
    low, high = parts_of(args, i)
    C, W, G = number(args, _C), number(args, _WIDTH), number(args, _G)
    weight = array(args, _WEIGHT, 0, C)
    vectors = np.empty((5, W), weight.dtype)
    for part in range(low, high):
        n, start, stop = place(args, part)
        means, rstds = array(args, _MEAN, n * G, n * G + G), array(args, _RSTD, n * G, n * G + G)
        terms = array64(args, _TERMS, 2 * n * G, 2 * (n + 1) * G)
        for c in range(C):
            g = c * G // C
            vectors[0, c] = means[g]
            vectors[1, c] = rstds[g] * weight[c]
            vectors[2, c] = 0
            vectors[3, c] = terms[2 * g]
            vectors[4, c] = terms[2 * g + 1]
        for k in range(5):
            repeat(vectors[k], C)
        X, dY = array(args, _X, start, stop), array(args, _Y, start, stop)
        gradient(dY, X, vectors, 0, True, array(args, _DX, start, stop))


@kernel
def _plan(X, G):
    """The arguments of the jobs without the addresses, the sums, the terms, and the tiles."""
    N, S, C = X.shape
    parts = min(_TILES // max(N, 1), S * C // _PART, S)
    rows = (S + max(parts, 1) - 1) // max(parts, 1)
    parts = (S + rows - 1) // rows
    of_tile = (N * parts + _TILES - 1) // _TILES
    args = np.empty(17, np.int64)
    args[_N], args[_S], args[_C], args[_G] = N, S, C, G
    args[_PARTS], args[_ROWS], args[_TILE] = parts, rows, of_tile
    args[_WIDTH] = max(1, min(WIDE // C, rows)) * C
    sums = np.empty((N * parts, 2, C), np.float64)
    terms = np.empty((N, G, 2), np.float64)
    args[_SUMS], args[_TERMS] = sums.ctypes.data, terms.ctypes.data
    return args, sums, terms, (N * parts + of_tile - 1) // max(of_tile, 1)


@inline
def keep(args, sums, terms):
    """Called after the jobs, which know addresses only: Numba frees an array after its last use."""
    return args.size + sums.size + terms.size


@kernel
def _forward(board, threads, moments_job, apply_job, X, weight, bias, G, eps, Y, mean, rstd):
    N, S, C = X.shape
    args, sums, terms, tiles = _plan(X, G)
    args[_X], args[_Y], args[_DX] = X.ctypes.data, Y.ctypes.data, Y.ctypes.data
    args[_WEIGHT], args[_BIAS] = weight.ctypes.data, bias.ctypes.data
    args[_MEAN], args[_RSTD] = mean.ctypes.data, rstd.ctypes.data
    run_tiles(board, threads, moments_job, args.ctypes.data, tiles)
    # Parts and channels joined in order (Chan, Golub and LeVeque 1979).
    parts, rows, width = args[_PARTS], args[_ROWS], C // G
    for n in range(N):
        for g in range(G):
            count, total, squares = 0, 0.0, 0.0
            for part in range(n * parts, (n + 1) * parts):
                more = min(rows, S - (part - n * parts) * rows)
                for c in range(g * width, (g + 1) * width):
                    d = sums[part, 0, c] - total
                    share = more / (count + more)
                    total += d * share
                    squares += sums[part, 1, c] + d * d * count * share
                    count += more
            mean[n, g] = total
            rstd[n, g] = 1 / np.sqrt(squares / count + eps)
    run_tiles(board, threads, apply_job, args.ctypes.data, tiles)
    return keep(args, sums, terms)


@kernel
def _backward(
    board, threads, sums_job, gradient_job, dY, X, weight, mean, rstd, G, dX, dweight, dbias
):
    N, S, C = X.shape
    args, sums, terms, tiles = _plan(X, G)
    args[_X], args[_Y], args[_DX] = X.ctypes.data, dY.ctypes.data, dX.ctypes.data
    args[_WEIGHT], args[_BIAS] = weight.ctypes.data, weight.ctypes.data
    args[_MEAN], args[_RSTD] = mean.ctypes.data, rstd.ctypes.data
    run_tiles(board, threads, sums_job, args.ctypes.data, tiles)
    parts, width = args[_PARTS], C // G
    total = np.zeros((2, C), np.float64)
    for n in range(N):
        for g in range(G):
            scale = np.float64(rstd[n, g])
            product, plain = 0.0, 0.0
            for part in range(n * parts, (n + 1) * parts):
                for c in range(g * width, (g + 1) * width):
                    total[0, c] += sums[part, 0, c] * scale
                    total[1, c] += sums[part, 1, c]
                    product += weight[c] * sums[part, 0, c]
                    plain += weight[c] * sums[part, 1, c]
            # What stands before X - mean, and what is subtracted.
            terms[n, g, 0] = scale * scale * scale * product / (S * width)
            terms[n, g, 1] = scale * plain / (S * width)
    for c in range(C):
        dweight[c] = total[0, c]
        dbias[c] = total[1, c]
    run_tiles(board, threads, gradient_job, args.ctypes.data, tiles)
    return keep(args, sums, terms)


def group_norm_forward(X, weight, bias, groups, eps, Y, mean, rstd):
    C = X.shape[2]
    weight = np.ones(C, X.dtype) if weight is None else weight
    bias = np.zeros(C, X.dtype) if bias is None else bias
    _forward(
        *_helpers(X), _moments_job[X.itemsize].address, _apply_job[X.itemsize].address,
        X, weight, bias, groups, eps, Y, mean, rstd,
    )  # fmt: skip


def group_norm_backward(dY, X, weight, mean, rstd, groups, dX, dweight, dbias):
    weight = np.ones(X.shape[2], X.dtype) if weight is None else weight
    _backward(
        *_helpers(X), _gradient_sums_job[X.itemsize].address, _gradient_job[X.itemsize].address,
        dY, X, weight, mean, rstd, groups, dX, dweight, dbias,
    )  # fmt: skip


def _helpers(X):
    """The board, and the number of threads that share the work."""
    helpers = team()
    if X.size < _PART or helpers.threads == 1:
        return helpers.board, 1
    helpers.wake()
    return helpers.board, helpers.threads
