"""Transposition in squares that stay in the first-level cache, shared by the team."""

from __future__ import annotations

import numpy as np

from ._compile import kernel
from .team import array, number, run_tiles, team, tiles_by_size

__all__ = ["transpose_matrices"]

#: Elements from which the work is shared.
_SHARED = 1 << 14
#: Rows of X that are moved together, and the side of a square.
_ROWS, _SIDE = 64, 8


@kernel
def _transpose(X, Y, low, high):
    """Rows low to high of a matrix."""
    columns = X.shape[1]
    for j in range(0, columns, _SIDE):
        for i in range(low, high, _SIDE):
            if i + _SIDE <= high and j + _SIDE <= columns:
                for b in range(j, j + _SIDE):
                    # Written out: a loop of eight costs more than the eight copies.
                    y = Y[b, i : i + _SIDE]
                    y[0], y[1], y[2], y[3] = X[i, b], X[i + 1, b], X[i + 2, b], X[i + 3, b]
                    y[4], y[5], y[6], y[7] = X[i + 4, b], X[i + 5, b], X[i + 6, b], X[i + 7, b]
            else:
                for b in range(j, min(columns, j + _SIDE)):
                    for a in range(i, min(high, i + _SIDE)):
                        Y[b, a] = X[a, b]


# Arguments of the job: slabs of _ROWS rows there are, slabs of a tile, N, rows, columns, addresses
# of X and Y.


@tiles_by_size
def _job(args, t):
    per, N, rows, columns = number(args, 1), number(args, 2), number(args, 3), number(args, 4)
    X = array(args, 5, 0, N * rows * columns).reshape((N, rows, columns))
    Y = array(args, 6, 0, N * rows * columns).reshape((N, columns, rows))
    slabs = (rows + _ROWS - 1) // _ROWS
    for slab in range(t * per, min(number(args, 0), (t + 1) * per)):
        low = slab % slabs * _ROWS
        _transpose(X[slab // slabs], Y[slab // slabs], low, min(rows, low + _ROWS))


def transpose_matrices(X, Y):
    if not X.size:
        return
    N, rows, columns = X.shape
    helpers = team()
    threads = helpers.threads if X.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    slabs = N * -(-rows // _ROWS)
    tiles = min(slabs, 4 * threads) if threads > 1 else 1
    addresses = [a.__array_interface__["data"][0] for a in (X, Y)]
    args = np.array((slabs, -(-slabs // tiles), N, rows, columns, *addresses), np.int64)
    address = args.__array_interface__["data"][0]
    run_tiles(helpers.board, threads, _job[X.itemsize].address, address, tiles)
