"""The windows of a convolution as rows of a matrix, and the way back, shared by the team.

What a window has of one line of the image lies together in memory where the dilation along the
line is 1, and is copied in one piece.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel, kernel_of_apart
from .team import array, number, run_tiles, team, tiles_by_size

__all__ = ["col2im", "im2col"]

#: Elements of the columns from which the work is shared.
_SHARED = 1 << 14
#: Tiles for each thread, so that one that comes late has less to do.
_TILES = 4


@inline
def _runs(size, at, d, taps):
    """Of the taps at ``at, at + d, ...`` the first that is inside 0 .. size - 1, and the end."""
    low = 0 if at >= 0 else min(taps, (d - 1 - at) // d)
    high = taps if at + (taps - 1) * d < size else max(low, (size - 1 - at) // d + 1)
    return low, max(low, high)


@kernel_of_apart
def _windows(X, columns, first, last, start, shape, kernel, out, stride, padding, dilation):
    """Rows `first` to ``last - 1`` of the matrix."""
    D, H, W, C = shape
    KD, KH, KW = kernel
    OD, OH, OW = out
    zero = X.dtype.type(0)
    line = KW * C
    dw = dilation[2]
    for r in range(first, last):
        n, od, oh, ow = r // (OD * OH * OW), r // (OH * OW) % OD, r // OW % OH, r % OW
        w = ow * stride[2] - padding[2]
        low, high = _runs(W, w, dw, KW)
        y = columns[(r - start) * KD * KH * line : (r - start + 1) * KD * KH * line]
        for kd in range(KD):
            d = od * stride[0] - padding[0] + kd * dilation[0]
            for kh in range(KH):
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                k = (kd * KH + kh) * line
                if d < 0 or d >= D or h < 0 or h >= H or low == high:
                    for j in range(k, k + line):
                        y[j] = zero
                    continue
                for j in range(k, k + low * C):
                    y[j] = zero
                at = (((n * D + d) * H + h) * W + w) * C
                if dw == 1:
                    for j in range(low * C, high * C):
                        y[k + j] = X[at + j]
                else:
                    for kw in range(low, high):
                        for c in range(C):
                            y[k + kw * C + c] = X[at + kw * dw * C + c]
                for j in range(k + high * C, k + line):
                    y[j] = zero


@kernel_of_apart
def _gather(columns, X, first, last, start, T, shape, kernel, out, stride, padding, dilation):
    """Add to the lines `first` to ``last - 1`` of all images what the columns have of them."""
    D, H, W, C = shape
    KD, KH, KW = kernel
    OD, OH, OW = out
    for i in range(first, last):
        n, d, h = i // (D * H), i // H % D, i % H
        for w in range(W):
            x = X[(i * W + w) * C : (i * W + w + 1) * C]
            for kd in range(KD):
                od = d + padding[0] - kd * dilation[0]
                if od < 0 or od % stride[0] != 0 or od >= OD * stride[0]:
                    continue
                for kh in range(KH):
                    oh = h + padding[1] - kh * dilation[1]
                    if oh < 0 or oh % stride[1] != 0 or oh >= OH * stride[1]:
                        continue
                    line = (n * OD + od // stride[0]) * OH + oh // stride[1]
                    for kw in range(KW):
                        ow = w + padding[2] - kw * dilation[2]
                        if ow < 0 or ow % stride[2] != 0 or ow >= OW * stride[2]:
                            continue
                        r = line * OW + ow // stride[2] - start
                        if r >= 0 and r < T:
                            at = ((r * KD + kd) * KH + kh) * KW + kw
                            for c in range(C):
                                x[c] += columns[at * C + c]


# Arguments of the jobs: the address of X, its number of elements, that of the columns and their
# number, first item (row or line), items, items of a tile, start, T, and then the numbers of
# shape (D, H, W, C), kernel, out, stride, padding and dilation.


@inline
def _three(args, k):
    return number(args, k), number(args, k + 1), number(args, k + 2)


@inline
def _geometry(args):
    shape = (number(args, 9), number(args, 10), number(args, 11), number(args, 12))
    return (
        shape, _three(args, 13), _three(args, 16), _three(args, 19), _three(args, 22),
        _three(args, 25),
    )  # fmt: skip


@inline
def _items(args, i):
    low = number(args, 4) + i * number(args, 6)
    return low, min(low + number(args, 6), number(args, 4) + number(args, 5))


@tiles_by_size
def _windows_job(args, i):
    shape, kernel, out, stride, padding, dilation = _geometry(args)
    X, columns = array(args, 0, 0, number(args, 1)), array(args, 2, 0, number(args, 3))
    low, high = _items(args, i)
    start = number(args, 7)
    _windows(X, columns, low, high, start, shape, kernel, out, stride, padding, dilation)


@tiles_by_size
def _gather_job(args, i):
    shape, kernel, out, stride, padding, dilation = _geometry(args)
    X, columns = array(args, 0, 0, number(args, 1)), array(args, 2, 0, number(args, 3))
    low, high = _items(args, i)
    start, T = number(args, 7), number(args, 8)
    _gather(columns, X, low, high, start, T, shape, kernel, out, stride, padding, dilation)


@kernel
def _share(
    board, threads, job, X, columns, first, items, start, kernel, out, stride, padding, dilation
):
    if items == 0:
        return
    tiles = min(items, threads * _TILES if threads > 1 else 1)
    args = np.empty(28, np.int64)
    args[0], args[1], args[2], args[3] = X.ctypes.data, X.size, columns.ctypes.data, columns.size
    args[4], args[5], args[6] = first, items, (items + tiles - 1) // tiles
    args[7], args[8] = start, columns.shape[0]
    for k in range(4):
        args[9 + k] = X.shape[1 + k]
    for k in range(3):
        args[13 + k], args[16 + k], args[19 + k] = kernel[k], out[k], stride[k]
        args[22 + k], args[25 + k] = padding[k], dilation[k]
    run_tiles(board, threads, job, args.ctypes.data, tiles)


def im2col(X, columns, start, kernel, out, stride, padding, dilation):
    helpers = team()
    threads = helpers.threads if columns.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    job = _windows_job[X.itemsize].address
    rows = columns.shape[0]
    geometry = (start, kernel, out, stride, padding, dilation)
    _share(helpers.board, threads, job, X, columns, start, rows, *geometry)


def col2im(columns, X, start, kernel, out, stride, padding, dilation):
    rows = columns.shape[0]
    if rows == 0:
        return
    helpers = team()
    threads = helpers.threads if columns.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    # The lines of the images that these rows belong to.
    per_image, lines = out[0] * out[1] * out[2], X.shape[1] * X.shape[2]
    first, last = start // per_image, (start + rows - 1) // per_image + 1
    job = _gather_job[X.itemsize].address
    geometry = (start, kernel, out, stride, padding, dilation)
    items = (last - first) * lines
    _share(helpers.board, threads, job, X, columns, first * lines, items, *geometry)
