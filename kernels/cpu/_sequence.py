"""What the recurrent kernels share: the loop over the steps, and the weights as panels.

The units are cut into blocks as wide as a panel (`_panel`), and a tile of the team's work is one
block: its part of the product with the state, then its part of the gates. So a step is one job,
and a thread that begins with the same tiles in each keeps their weights in its own cache. What a
step makes goes to the next one by way of ``Hprev`` (or ``dG``), of which each step reads other rows
than it writes: between two jobs everybody may read everything, within one nobody reads what another
tile writes.

A job's list of arguments begins with the seven below; the arrays of each kernel follow.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..reference._steps import steps
from ._compile import kernel, kernel_of_apart
from ._panel import PANEL
from .team import MOST_TILES, run_tiles, team

__all__ = [
    "ARRAYS",
    "DIRECT",
    "NEXT",
    "NEXT_N",
    "OFFSET",
    "PHASE",
    "N",
    "add_rows",
    "backward_plan",
    "begin",
    "begin_backward",
    "blocks_of",
    "dot_rows",
    "end_backward",
    "first_states",
    "forward_plan",
    "pack_columns",
    "pack_rows",
    "run_steps",
    "workers",
]

# The phase of a job (0 lays out the weights), and the step: its first row and its sequences, the
# same of the next one; whether the weights are used where they lie.
PHASE, OFFSET, N, NEXT, NEXT_N, DIRECT = range(6)
#: Number of the first argument that a kernel may choose.
ARRAYS = 6

#: Multiplications of a step from which the team shares it.
_SHARED = 1 << 17
#: Rows up to which the weights are multiplied where they lie, not laid out as panels first.
_DIRECT_ROWS = 7


@lru_cache(maxsize=256)
def forward_plan(sizes, reverse):
    """The steps (see ``reference/_steps.py``) as an array."""
    return np.array(steps(sizes, reverse), np.int64).reshape(-1, 4)


@lru_cache(maxsize=256)
def backward_plan(sizes, reverse):
    """The steps from the last, and one without sequences, which passes on to the first states."""
    found = steps(sizes, reverse)
    last = (0, 0, *found[0][:2]) if found else (0, 0, 0, 0)
    return np.array([*reversed(found), last], np.int64)


def first_states(sizes, reverse, given, before):
    """Write the `given` states before each sequence's first step."""
    started = 0
    for offset, n, _, _ in steps(sizes, reverse):
        if n > started:
            before[offset + started : offset + n] = given[started:n]
            started = n


def blocks_of(length, itemsize):
    """Blocks of so many units, and the width of a block; 0 blocks where they are too many."""
    width = PANEL // itemsize
    blocks = -(-length // width)
    return (blocks if blocks <= MOST_TILES else 0), width


def workers(rows, sizes, weights):
    """The board, how many threads take part, and whether weights are used where they lie."""
    helpers = team()
    direct = rows <= _DIRECT_ROWS
    if rows * weights < len(sizes) * (4 * _SHARED if direct else _SHARED):
        return helpers.board, 1, direct
    helpers.wake()
    return helpers.board, helpers.threads, direct


@kernel
def run_steps(board, threads, job, args, plan, tiles, more):
    """For each step one job of `tiles` tiles, and a second one of `more` where that is not 0."""
    address = args.ctypes.data
    args[PHASE] = 0
    if args[DIRECT] == 0:
        run_tiles(board, threads, job, address, max(tiles, more))
    for s in range(plan.shape[0]):
        args[OFFSET], args[N] = plan[s, 0], plan[s, 1]
        args[NEXT], args[NEXT_N] = plan[s, 2], plan[s, 3]
        args[PHASE] = 1
        run_tiles(board, threads, job, address, tiles)
        if more:
            args[PHASE] = 2
            run_tiles(board, threads, job, address, more)
    return args[0]  # so that the list lives until here


@kernel_of_apart
def pack_rows(W, gates, H, K, low, used, width, panels):
    """Panels of ``W^T``: for each gate, panel[k, j] = W[gate * H + low + j, k]."""
    panels[:] = 0
    for q in range(gates):
        for k in range(K):
            to = (q * K + k) * width
            for j in range(used):
                panels[to + j] = W[(q * H + low + j) * K + k]


@kernel_of_apart
def pack_columns(W, K, n, low, used, width, panel):
    """A panel of W (K, n): panel[k, j] = W[k, low + j]."""
    for k in range(K):
        for j in range(used):
            panel[k * width + j] = W[k * n + low + j]
        for j in range(used, width):
            panel[k * width + j] = 0


@kernel_of_apart
def begin(Z, G, b_ih, b_hh, n, gates, alone, H, low, used, width):
    """``Z[m, q, j] = G[m, q H + low + j] + b_ih + b_hh``; from gate `alone` on b_hh only."""
    for m in range(n):
        for q in range(gates):
            to, unit = (m * gates + q) * width, q * H + low
            row = m * gates * H + unit
            if q < alone:
                for j in range(used):
                    Z[to + j] = G[row + j] + b_ih[unit + j] + b_hh[unit + j]
            else:
                for j in range(used):
                    Z[to + j] = b_hh[unit + j]
            for j in range(used, width):
                Z[to + j] = 0


@kernel_of_apart
def begin_backward(Z, dY, dh, n, rows, P, low, used, width):
    """``Z[m, j] = dh[m, low + j]``, in the first n rows ``+ dY[m, low + j]``."""
    for m in range(rows):
        for j in range(used):
            Z[m * width + j] = dh[m * P + low + j]
        for j in range(used, width):
            Z[m * width + j] = 0
        if m < n:
            for j in range(used):
                Z[m * width + j] += dY[m * P + low + j]


@kernel_of_apart
def end_backward(Z, dh, n, rows, P, low, used, width):
    """What `begin_backward` read is used up in the first n rows; in the others Z is complete."""
    for m in range(rows):
        for j in range(used):
            dh[m * P + low + j] = Z[m * width + j] if m >= n else 0


@kernel_of_apart
def dot_rows(A, W, n, gates, H, K, low, used, width, Z):
    """``Z[m, q, j] += sum_k A[m, k] W[q H + low + j, k]``."""
    for m in range(n):
        for q in range(gates):
            for j in range(used):
                row = (q * H + low + j) * K
                total = Z[(m * gates + q) * width + j]
                for k in range(K):
                    total += A[m * K + k] * W[row + k]
                Z[(m * gates + q) * width + j] = total


@kernel_of_apart
def add_rows(A, W, n, K, P, low, used, width, Z):
    """``Z[m, j] += sum_k A[m, k] W[k, low + j]``."""
    for m in range(n):
        for k in range(K):
            a, row = A[m * K + k], k * P + low
            for j in range(used):
                Z[m * width + j] += a * W[row + j]
