"""Rows copied as bytes, whatever they hold, by the team: one core alone does not fill the memory's
bandwidth."""

from __future__ import annotations

import numpy as np

from ._atomic import copy_bytes, load, prefetch
from ._compile import kernel
from .team import number, run_tiles, team, tile

__all__ = ["gather_rows"]

#: Bytes from which the work is shared.
_SHARED = 1 << 16
#: Bytes of the next row that are fetched while one is copied.
_AHEAD = 1 << 12
_LINE = 64


# Arguments of the job: T, rows of a tile, bytes of a row, the addresses of Y, X and rows.


@tile
def _job(args, i):
    per, size = number(args, 1), number(args, 2)
    Y, X, rows = number(args, 3), number(args, 4), number(args, 5)
    end = min(number(args, 0), (i + 1) * per)
    for t in range(i * per, end):
        if t + 1 < end:
            following = X + load(rows + 8 * (t + 1)) * size
            for k in range(0, min(size, _AHEAD), _LINE):
                prefetch(following + k)
        copy_bytes(Y + t * size, X + load(rows + 8 * t) * size, size)


@kernel
def _gather(board, threads, job, N, T, size, Y, X, rows):
    for t in range(T):
        row = load(rows + 8 * t)
        if row < 0 or row >= N:
            raise IndexError(t)
    args = np.empty(6, np.int64)
    args[0], args[1], args[2] = T, (T + threads - 1) // threads, size
    args[3], args[4], args[5] = Y, X, rows
    run_tiles(board, threads, job, args.ctypes.data, threads)


def gather_rows(Y, X, rows):
    helpers = team()
    threads = helpers.threads if Y.nbytes >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    # Addresses, not arrays: one compiled form serves every dtype, and memory that is read-only.
    _gather(
        helpers.board,
        threads,
        _job.address,
        X.shape[0],
        rows.size,
        X.shape[1] * X.itemsize,
        _address(Y),
        _address(X),
        _address(rows),
    )


def _address(array):
    return array.__array_interface__["data"][0]
