"""Depthwise convolution, shared by the team.

All of an image's lines go to neighbouring tiles, so that memory is read once and written once: the
multiplications are few enough to hide behind that.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from ._depthwise_lines import backward_input, backward_weight, forward
from .team import array, number, run_tiles, team, tiles_by_size

__all__ = ["depthwise_backward_input", "depthwise_backward_weight", "depthwise_forward"]

#: Elements from which the work is shared.
_SHARED = 1 << 13
#: Tiles at most. Not by the number of threads: the weights' gradient is the sum of the tiles'.
_TILES = 32


# Arguments of the jobs: the addresses of the input, the weights, the output and the bias; lines of
# a tile, of all; act; N, C, F; and from place 10 on the numbers of the geometry.


@inline
def _three(args, k):
    return number(args, k), number(args, k + 1), number(args, k + 2)


@inline
def _geometry(args):
    return (
        _three(args, 10), _three(args, 13), _three(args, 16), _three(args, 19), _three(args, 22),
        _three(args, 25),
    )  # fmt: skip


@inline
def _lines(args, i):
    low = i * number(args, 4)
    return low, min(low + number(args, 4), number(args, 5))


@inline
def _sizes(args):
    """Pixels of the input and of the output, elements of the kernel, C and F."""
    N, C, F = _three(args, 7)
    (D, H, W), (OD, OH, OW), (KD, KH, KW) = _three(args, 10), _three(args, 13), _three(args, 16)
    return N * D * H * W, N * OD * OH * OW, KD * KH * KW, C, F


@tiles_by_size
def _forward_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    X = array(args, 0, 0, pixels * C).reshape((pixels, C))
    W = array(args, 1, 0, taps * F).reshape((taps, F))
    Y = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    forward(X, W, array(args, 3, 0, F), Y, low, high, _geometry(args), number(args, 6))


@tiles_by_size
def _backward_input_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    dX = array(args, 0, 0, pixels * C).reshape((pixels, C))
    W = array(args, 1, 0, taps * F).reshape((taps, F))
    dY = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    backward_input(dY, W, dX, low, high, _geometry(args))


@tiles_by_size
def _backward_weight_job(args, i):
    pixels, places, taps, C, F = _sizes(args)
    X = array(args, 0, 0, pixels * C).reshape((pixels, C))
    # Each tile has a sum of its own.
    dW = array(args, 1, i * taps * F, (i + 1) * taps * F).reshape((taps, F))
    dY = array(args, 2, 0, places * F).reshape((places, F))
    low, high = _lines(args, i)
    backward_weight(X, dY, dW, low, high, _geometry(args))


@kernel
def _share(
    board, threads, job, lines, tiles, shape, kernel, out, X, W, Y, row, act,
    stride, padding, dilation,
):  # fmt: skip
    args = np.empty(28, np.int64)
    args[0], args[1], args[2], args[3] = X, W, Y, row
    args[4], args[5], args[6] = (lines + tiles - 1) // tiles, lines, act
    args[7], args[8], args[9] = shape[0], shape[4], kernel[3]
    for k in range(3):
        args[10 + k], args[13 + k], args[16 + k] = shape[1 + k], out[1 + k], kernel[k]
        args[19 + k], args[22 + k], args[25 + k] = stride[k], padding[k], dilation[k]
    run_tiles(board, threads, job, args.ctypes.data, tiles)


@kernel
def _add_parts(parts, total):
    for j in range(total.size):
        total[j] = parts[0, j]
    for i in range(1, parts.shape[0]):
        for j in range(total.size):
            total[j] += parts[i, j]


def depthwise_forward(X, W, bias, Y, stride, padding, dilation, act):
    if bias is None:
        bias = np.zeros(W.shape[3], W.dtype)
    _run(_forward_job, Y, X, W, Y, bias, act, W.shape, stride, padding, dilation)


def depthwise_backward_input(dY, W, dX, stride, padding, dilation):
    _run(_backward_input_job, dX, dX, W, dY, W, 0, W.shape, stride, padding, dilation)


def depthwise_backward_weight(X, dY, dW, stride, padding, dilation):
    tiles = _tiles(dY)
    parts = np.empty((tiles, dW.size), dW.dtype)
    _run(_backward_weight_job, dY, X, parts, dY, dW, 0, dW.shape, stride, padding, dilation)
    _add_parts(parts, dW.reshape(-1))


def _tiles(lines_of):
    """The number of tiles that the lines of an array are shared in."""
    N, D, H, _, _ = lines_of.shape
    return 1 if lines_of.size < _SHARED else min(N * D * H, _TILES)


def _run(job, lines_of, X, W, Y, row, act, kernel, stride, padding, dilation):
    N, D, H, _, _ = lines_of.shape
    helpers = team()
    tiles = _tiles(lines_of)
    threads = helpers.threads if tiles > 1 else 1
    if threads > 1:
        helpers.wake()
    _share(
        helpers.board, threads, job[Y.itemsize].address, N * D * H, tiles, X.shape, kernel,
        Y.shape, _address(X), _address(W), _address(Y), _address(row), act,
        stride, padding, dilation,
    )  # fmt: skip


def _address(array):
    return array.__array_interface__["data"][0]
