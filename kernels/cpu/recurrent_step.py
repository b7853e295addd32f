"""One step of a recurrent layer, shared by the team in blocks of units.

For a few sequences the step is as fast as the weights come from memory: each thread reads those of
its own units, which stay in its cache from step to step.
"""

from __future__ import annotations

import numpy as np

from ._compile import kernel, kernel_of_apart
from ._math import sigmoid, tanh
from ._sequence import dot_rows
from .team import MOST_TILES, array, number, run_tiles, team, tiles_by_size

__all__ = ["recurrent_step"]

#: Weights from which the step is shared: a thread takes a microsecond for 10,000.
_SHARED = 1 << 16
#: Units of a tile.
_UNITS = 16

# Arguments of a job: N, H, D, gates, units of a tile and the kind; the addresses of the arrays.
_N, _H, _D, _GATES, _EACH, _KIND = range(6)
_W_HH, _STATE, _W_IH, _X, _B_IH, _B_HH, _CELL, _Y, _C, _COUNT = range(6, 16)


@kernel_of_apart
def _units(Z, U, h, c, kind, H, low, used, Y, C):
    """New states of units `low` and following from the two sums of each gate."""
    zero = Z.dtype.type(0)
    for j in range(used):
        if kind < 2:
            z = Z[j] + U[j]
            Y[low + j] = tanh(z) if kind == 0 else (zero if z < zero else z)
        elif kind == 2:
            i, f = sigmoid(Z[j] + U[j]), sigmoid(Z[used + j] + U[used + j])
            g, o = (
                tanh(Z[2 * used + j] + U[2 * used + j]),
                sigmoid(Z[3 * used + j] + U[3 * used + j]),
            )
            cell = f * c[low + j] + i * g
            C[low + j] = cell
            Y[low + j] = o * tanh(cell)
        else:
            r, z = sigmoid(Z[j] + U[j]), sigmoid(Z[used + j] + U[used + j])
            new = tanh(Z[2 * used + j] + r * U[2 * used + j])
            Y[low + j] = (1 - z) * new + z * h[low + j]


@tiles_by_size
def _step_job(args, i):
    N, H, D, gates = number(args, _N), number(args, _H), number(args, _D), number(args, _GATES)
    low = i * number(args, _EACH)
    used = min(number(args, _EACH), H - low)
    W_hh, W_ih = array(args, _W_HH, 0, gates * H * H), array(args, _W_IH, 0, gates * H * D)
    b_ih, b_hh = array(args, _B_IH, 0, gates * H), array(args, _B_HH, 0, gates * H)
    Z, U = np.empty(gates * used, W_hh.dtype), np.empty(gates * used, W_hh.dtype)
    for m in range(N):
        h, x = array(args, _STATE, m * H, (m + 1) * H), array(args, _X, m * D, (m + 1) * D)
        c = array(args, _CELL, m * H, (m + 1) * H)
        Y, C = array(args, _Y, m * H, (m + 1) * H), array(args, _C, m * H, (m + 1) * H)
        for q in range(gates):
            for j in range(used):
                Z[q * used + j] = b_ih[q * H + low + j]
                U[q * used + j] = b_hh[q * H + low + j]
        dot_rows(x, W_ih, 1, gates, H, D, low, used, used, Z)
        dot_rows(h, W_hh, 1, gates, H, H, low, used, used, U)
        _units(Z, U, h, c, number(args, _KIND), H, low, used, Y, C)


@kernel
def _step(board, threads, job, tiles, each, W_hh, h, W_ih, X, b_ih, b_hh, c, kind, Y, C):
    args = np.empty(_COUNT, np.int64)
    args[_N], args[_H], args[_D] = h.shape[0], h.shape[1], X.shape[1]
    args[_GATES], args[_EACH], args[_KIND] = W_hh.shape[0] // h.shape[1], each, kind
    args[_W_HH], args[_STATE], args[_W_IH] = W_hh.ctypes.data, h.ctypes.data, W_ih.ctypes.data
    args[_X], args[_B_IH], args[_B_HH] = X.ctypes.data, b_ih.ctypes.data, b_hh.ctypes.data
    args[_CELL], args[_Y], args[_C] = c.ctypes.data, Y.ctypes.data, C.ctypes.data
    run_tiles(board, threads, job, args.ctypes.data, tiles)


def recurrent_step(W_hh, h, W_ih, X, b_ih, b_hh, c, kind, Y, C):
    N, H = h.shape
    if not N:
        return
    helpers = team()
    threads = helpers.threads
    if N * (W_hh.size + W_ih.size) < _SHARED or threads == 1:
        threads = 1
    else:
        helpers.wake()
    each = max(_UNITS, -(-H // MOST_TILES))
    _step(
        helpers.board, threads, _step_job[W_hh.itemsize].address, -(-H // each), each, W_hh, h,
        W_ih, X, b_ih, b_hh, c, kind, Y, C,
    )  # fmt: skip
