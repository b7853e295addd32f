"""Resampling along one axis, shared by the team: the loops go over what lies inside that axis."""

from __future__ import annotations

import numpy as np

from ._atomic import load
from ._compile import kernel
from .team import array, number, run_tiles, team, tiles_by_size

__all__ = ["resample"]

#: Elements of the output from which the work is shared.
_SHARED = 1 << 14


@kernel
def _resample(X, places, entries, weights, Y, low, high):
    windows, K = Y.shape[1:]
    zero = Y.dtype.type(0)
    for row in range(low, high):
        m, o = row // windows, row % windows
        y = Y[m, o]
        empty = True
        for e in range(o * entries, (o + 1) * entries):
            w = weights[e]
            if w == zero:
                continue
            x = X[m, load(places + 8 * e)]
            if empty:
                for k in range(K):
                    y[k] = x[k] * w
            else:
                for k in range(K):
                    y[k] += x[k] * w
            empty = False
        if empty:
            y[:] = zero


# Arguments of the job: rows of a tile, M, I, K, O, E, addresses of X, places, weights and Y.


@tiles_by_size
def _job(args, t):
    per, M, K, windows = number(args, 0), number(args, 1), number(args, 3), number(args, 4)
    rows, entries = number(args, 2), number(args, 5)
    X = array(args, 6, 0, M * rows * K).reshape((M, rows, K))
    weights = array(args, 8, 0, windows * entries)
    Y = array(args, 9, 0, M * windows * K).reshape((M, windows, K))
    low = t * per
    _resample(X, number(args, 7), entries, weights, Y, low, min(M * windows, low + per))


def resample(X, places, weights, Y):
    if not Y.size:
        return
    if not X.size:
        Y.fill(0)
        return
    M, windows, K = Y.shape
    helpers = team()
    threads = helpers.threads if Y.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    tiles = min(M * windows, 4 * threads) if threads > 1 else 1
    per = -(-M * windows // tiles)
    addresses = [a.__array_interface__["data"][0] for a in (X, places, weights, Y)]
    numbers = (per, M, X.shape[1], K, windows, places.shape[1], *addresses)
    args = np.array(numbers, np.int64)
    address = args.__array_interface__["data"][0]
    run_tiles(helpers.board, threads, _job[X.itemsize].address, address, tiles)
