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


# In what follows each row is a slice of its own: of an index that is a sum LLVM does not know that
# it is not negative, which in Python means something else.


@kernel_of_apart
def pack_rows(W, gates, H, K, low, used, width, panels):
    """Panels of ``W^T``: for each gate, panel[k, j] = W[gate * H + low + j, k]."""
    panels[:] = 0
    for q in range(gates):
        panel = panels[q * K * width : (q + 1) * K * width].reshape((K, width))
        start = (q * H + low) * K
        rows = W[start : start + used * K].reshape((used, K))
        for k in range(K):
            for j in range(used):
                panel[k, j] = rows[j, k]


@kernel_of_apart
def pack_columns(W, K, n, low, used, width, panel):
    """A panel of W (K, n): panel[k, j] = W[k, low + j]."""
    panel[:] = 0
    for k in range(K):
        row, start = panel[k * width : (k + 1) * width], k * n + low
        part = W[start : start + used]
        for j in range(used):
            row[j] = part[j]


@kernel_of_apart
def begin(Z, G, b_ih, b_hh, n, gates, alone, H, low, used, width):
    """``Z[m, q, j] = G[m, q H + low + j] + b_ih + b_hh``; from gate `alone` on b_hh only."""
    Z[: n * gates * width] = 0
    for q in range(gates):
        unit = q * H + low
        b1, b2 = b_ih[unit : unit + used], b_hh[unit : unit + used]
        for m in range(n):
            to, start = (m * gates + q) * width, m * gates * H + unit
            z, g = Z[to : to + used], G[start : start + used]
            if q < alone:
                for j in range(used):
                    z[j] = g[j] + b1[j] + b2[j]
            else:
                for j in range(used):
                    z[j] = b2[j]


@kernel_of_apart
def begin_backward(Z, dY, dh, n, rows, P, low, used, width):
    """``Z[m, j] = dh[m, low + j]``, in the first n rows ``+ dY[m, low + j]``."""
    Z[: rows * width] = 0
    for m in range(rows):
        at = m * P + low
        z, d = Z[m * width : m * width + used], dh[at : at + used]
        if m < n:
            y = dY[at : at + used]
            for j in range(used):
                z[j] = d[j] + y[j]
        else:
            for j in range(used):
                z[j] = d[j]


@kernel_of_apart
def end_backward(Z, dh, n, rows, P, low, used, width):
    """What `begin_backward` read is used up in the first n rows; in the others Z is complete."""
    for m in range(rows):
        at = m * P + low
        if m < n:
            dh[at : at + used] = 0
        else:
            z, d = Z[m * width : m * width + used], dh[at : at + used]
            for j in range(used):
                d[j] = z[j]


@kernel_of_apart
def dot_rows(A, W, n, gates, H, K, low, used, width, Z):
    """``Z[m, q, j] += sum_k A[m, k] W[q H + low + j, k]``."""
    for m in range(n):
        a = A[m * K : (m + 1) * K]
        for q in range(gates):
            to, start = (m * gates + q) * width, (q * H + low) * K
            z = Z[to : to + used]
            # Four sums at a time: one alone would wait for each of its additions.
            fours = used - used % 4
            for j in range(0, fours, 4):
                here = start + j * K
                w0, w1 = W[here : here + K], W[here + K : here + 2 * K]
                w2, w3 = W[here + 2 * K : here + 3 * K], W[here + 3 * K : here + 4 * K]
                s0 = s1 = s2 = s3 = z.dtype.type(0)
                for k in range(K):
                    s0 += a[k] * w0[k]
                    s1 += a[k] * w1[k]
                    s2 += a[k] * w2[k]
                    s3 += a[k] * w3[k]
                z[j] += s0
                z[j + 1] += s1
                z[j + 2] += s2
                z[j + 3] += s3
            for j in range(fours, used):
                w0 = W[start + j * K : start + (j + 1) * K]
                s0 = z.dtype.type(0)
                for k in range(K):
                    s0 += a[k] * w0[k]
                z[j] += s0


@kernel_of_apart
def add_rows(A, W, n, K, P, low, used, width, Z):
    """``Z[m, j] += sum_k A[m, k] W[k, low + j]``."""
    for m in range(n):
        z, a = Z[m * width : m * width + used], A[m * K : (m + 1) * K]
        for k in range(K):
            row, start = a[k], k * P + low
            w = W[start : start + used]
            for j in range(used):
                z[j] += row * w[j]
