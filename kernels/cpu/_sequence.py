"""What the recurrent kernels share: the loop over the steps, and the weights as panels.

The units are cut into blocks as wide as a panel (`_panel`), and a tile of the team's work is one
block: its part of the product with the state, then its part of the gates. So a step is one job,
and a thread that begins with the same tiles in each keeps their weights in its own cache. What a
step makes goes to the next one by way of ``Hprev`` (or ``dG``), of which each step reads other rows
than it writes: between two jobs everybody may read everything, within one nobody reads what another
tile writes.

That is for few sequences, or large layers. Where each thread can have some sequences of its own,
and all weights fit into its cache, a tile is a block of sequences, from the first step to the last:
no state ever leaves the core that made it, and no step waits for another thread.

A job's list of arguments begins with those below; the arrays of each kernel follow.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..reference._steps import steps
from ._atomic import call_tile
from ._compile import inline, kernel, kernel_of_apart
from ._panel import PANEL
from ._scratch import Scratch
from .team import MOST_TILES, number, run_tiles, team, tile

__all__ = [
    "ARRAYS",
    "FIRST",
    "MORE_PANELS",
    "MOST",
    "NEXT",
    "NEXT_N",
    "OFFSET",
    "PANELS",
    "PHASE",
    "SIZE",
    "N",
    "Z",
    "add_rows",
    "arguments",
    "backward_plan",
    "begin",
    "begin_backward",
    "block_of",
    "blocks_of",
    "dot_rows",
    "end_backward",
    "first_states",
    "forward_plan",
    "pack_columns",
    "pack_rows",
    "run_steps",
    "shares_of",
    "slot_of",
    "space_of",
]

# The phase of a job (0 lays out the weights), and the step: its first row and its sequences, the
# same of the next one; the first sequence, other than 0 in a block of sequences; rows of a slot of
# scratch memory, the first slot, and how far it is to that of the next tile.
PHASE, OFFSET, N, NEXT, NEXT_N, FIRST, MOST, SLOT, SLOT_STEP = range(9)
# The width of a block, and the bytes of a number; where the panels begin, or 0 if the weights are
# used where they lie; where those of a second matrix and the slots begin.
WIDTH, SIZE, PANELS, MORE_PANELS, Z = range(9, 14)
#: Number of the first argument that a kernel may choose.
ARRAYS = 14

_scratch = Scratch()
#: Multiplications of a step from which the team shares it.
_SHARED = 1 << 17
#: Rows up to which the weights are multiplied where they lie, not laid out as panels first.
_DIRECT_ROWS = 7
#: Bytes of weights up to which each thread can read all of them in every step.
_OWN_CACHE = 1 << 20
#: Sequences of a block are multiples of this, and not more than the other where some are longer.
_FEW, _MANY = 4, 8


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


#: The numbers of `shares_of`.
THREADS, DIRECT, ROWS, SLOT_ROWS, SLOTS, ALL_STEPS = range(6)


def shares_of(rows, sizes, W, blocks):
    """The board, and who does what of so many rows, in steps that are multiplied by W.

    Returns
    -------
    board : int
    numbers : int64 array
        THREADS; DIRECT, whether the weights are used where they lie; ROWS, sequences of a tile, 0
        where a tile is a block of units, of which there are `blocks`; SLOT_ROWS and SLOTS, rows of
        a slot of scratch memory and how many slots there are; ALL_STEPS, the address of a job.
    """
    helpers = team()
    numbers = _shares(
        rows,
        len(sizes),
        max(sizes, default=0),
        min(sizes, default=0),
        W.size,
        W.nbytes,
        blocks,
        helpers.threads,
    )
    if numbers[THREADS] > 1:
        helpers.wake()
    return helpers.board, numbers


@lru_cache(maxsize=256)
def _shares(rows, steps, most, least, weights, nbytes, blocks, threads):
    direct = rows <= _DIRECT_ROWS
    if rows * weights < steps * (4 * _SHARED if direct else _SHARED):
        threads = 1
    each, slots = 0, (most, blocks)
    if not direct and threads > 1 and most >= _FEW * threads and nbytes <= _OWN_CACHE:
        each = -(-most // threads)
        if least < most:
            each = min(each, _MANY)
        each = max(-(-each // _FEW) * _FEW, -(-most // MOST_TILES))
        slots = (each, -(-most // each))
    return np.array([threads, direct, each, *slots, _sequences_job.address], np.int64)


def space_of(shares, dtype, width, gates, panels, more_panels=0):
    """Scratch memory for panels, panels of a second matrix, and slots of rows of `gates` blocks.

    Returns
    -------
    space : array
    panels, more_panels : int
        The elements of each that are laid out: none where the weights are used where they lie.
    """
    if shares[DIRECT]:
        panels = more_panels = 0
    slots = gates * shares[SLOTS] * shares[SLOT_ROWS] * width
    return _scratch.array(panels + more_panels + slots, dtype), panels, more_panels


@kernel
def arguments(count, width, space, panels, more_panels):
    """A list of `count` arguments for `run_steps`, of which those of this file are set."""
    args = np.empty(count, np.int64)
    address, size = space.ctypes.data, space.itemsize
    args[WIDTH], args[SIZE], args[PANELS] = width, size, address if panels else 0
    args[MORE_PANELS] = address + panels * size
    args[Z] = args[MORE_PANELS] + more_panels * size
    return args


@inline
def block_of(args, length, i):
    """Of block i of so many units the first unit, the units and the width."""
    width = number(args, WIDTH)
    return i * width, min(width, length - i * width), width


@inline
def slot_of(args, i):
    """The number of the scratch memory of tile i."""
    return number(args, SLOT) + i * number(args, SLOT_STEP)


# Arguments: the job of one step, the address and the length of its list of arguments, the plan and
# its steps, sequences of a tile, blocks of units, and those of the second job of a step.


@tile
def _sequences_job(args, i):
    """All steps of block i of sequences."""
    count, steps, rows = number(args, 2), number(args, 4), number(args, 5)
    own = np.empty(count, np.int64)
    for k in range(count):
        own[k] = number(number(args, 1), k)
    address, plan = own.ctypes.data, number(args, 3)
    first = i * rows
    own[FIRST], own[SLOT], own[SLOT_STEP] = first, i, 0
    for s in range(steps):
        n = min(rows, number(plan, 4 * s + 1) - first)
        later = min(rows, number(plan, 4 * s + 3) - first)
        if n <= 0 and later <= 0:
            continue
        own[OFFSET], own[N] = number(plan, 4 * s) + first, max(0, n)
        own[NEXT], own[NEXT_N] = number(plan, 4 * s + 2) + first, max(0, later)
        own[PHASE] = 1
        for block in range(number(args, 6)):
            call_tile(number(args, 0), address, block)
        own[PHASE] = 2
        for block in range(number(args, 7)):
            call_tile(number(args, 0), address, block)


@kernel
def run_steps(board, shares, job, args, plan, tiles, more):
    """For each step one job of `tiles` tiles, and a second one of `more` where that is not 0.

    Or all steps in one job, if `shares` says so.
    """
    address, threads = args.ctypes.data, shares[THREADS]
    args[PHASE] = args[FIRST] = 0
    args[MOST], args[SLOT], args[SLOT_STEP] = shares[SLOT_ROWS], 0, 1
    if shares[DIRECT] == 0:
        run_tiles(board, threads, job, address, max(tiles, more))
    if shares[ROWS]:
        steps = np.empty(8, np.int64)
        steps[0], steps[1], steps[2] = job, address, args.size
        steps[3], steps[4], steps[5] = plan.ctypes.data, plan.shape[0], shares[ROWS]
        steps[6], steps[7] = tiles, more
        run_tiles(board, threads, shares[ALL_STEPS], steps.ctypes.data, shares[SLOTS])
        return args[0] + steps[0]  # so that the lists live until here
    for s in range(plan.shape[0]):
        args[OFFSET], args[N] = plan[s, 0], plan[s, 1]
        args[NEXT], args[NEXT_N] = plan[s, 2], plan[s, 3]
        args[PHASE] = 1
        run_tiles(board, threads, job, address, tiles)
        if more:
            args[PHASE] = 2
            run_tiles(board, threads, job, address, more)
    return args[0]


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
