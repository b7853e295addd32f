"""The gradient of a convolution's weights, shared by the team.

    dW[k, o] = sum over the pixels q of  X[window(q)_k] dY[q, o]        k: a tap and a channel

Each tile adds up its part of the pixels for some panels of filters, in a gradient of its own; at
the end these are added in the order of the tiles. A step of the product is one pixel: it reads
a row of dY and one element of the window for each row of the block.
"""

from __future__ import annotations

import numpy as np

from . import _windows as w
from ._atomic import copy_bytes, store
from ._compile import kernel
from ._products import REGISTER, ROWS, one_register, two_registers
from ._tiles import SLOT, copy_part, free_slot, like, numbers_at, part_of, take_slot
from .team import array, number, run_tiles, tiles_by_size

__all__ = ["gather_weight"]


@kernel
def _part(plan, offsets, X, dY, sums, scratch, distances, index, first, low, high):
    """Add tile `index` to `sums`, for the panels `low` to `high`; `first`: to nothing."""
    size = X.itemsize
    down, along, C = plan[w.P_JH], plan[w.P_JW], plan[w.P_SC]
    sample, samples, place, row, rows = part_of(plan, index)
    copy = like(X, scratch, plan[w.P_COPY] // size)
    copy_part(plan, offsets, X, copy, sample, samples, place, row, rows)
    step = plan[w.P_STEP_W] * C * size
    row_bytes = plan[w.P_PW] * C * size
    for s in range(samples):
        for y in range(rows):
            at = s * plan[w.P_PLANES] * plan[w.P_PH] + y * plan[w.P_STEP_H]
            distances[s * rows + y] = at * row_bytes
    count = samples * rows * along
    channels, pixel = plan[w.P_CT], plan[w.P_CT] * plan[w.P_GROUPS]
    start = ((sample * plan[w.P_JD] + place) * down + row) * along * pixel
    lanes = REGISTER // size
    panels, columns, depth = plan[w.P_PANELS], plan[w.P_COLUMNS], plan[w.P_DEPTH]
    rounded = (depth + ROWS - 1) // ROWS * ROWS
    windows = numbers_at(scratch + plan[w.P_COPY], rounded)
    strip_at = scratch + plan[w.P_COPY] + plan[w.P_TABLE]
    strip = like(X, strip_at, count * 2 * lanes)
    zeros = sums.ctypes.data + (sums.size - 2 * lanes) * size
    group = 0
    for each in range(low, high):
        g, p = each // panels, each % panels
        # The windows' addresses are those of the first group, before and after.
        for k in range(depth if g != group else 0):
            windows[k] += (g - group) * plan[w.P_CS] * size
        for k in range(depth if g != group else rounded, rounded):
            windows[k] = windows[depth - 1]
        group = g
        wide = columns - p * 2 * lanes >= 2 * lanes
        width = 2 * lanes if wide else lanes
        used = min(channels - p * 2 * lanes, width)
        here = start + g * channels + p * 2 * lanes
        for q in range(count):
            copy_bytes(
                strip_at + q * width * size, dY.ctypes.data + (here + q * pixel) * size, used * size
            )
            for j in range(used, width):
                strip[q * width + j] = 0
        out = sums.ctypes.data + (g * columns + p * 2 * lanes) * rounded * size
        for k in range(0, rounded, ROWS):
            at = out + k * width * size
            init, init_step = (zeros, 0) if first else (at, width * size)
            table = scratch + plan[w.P_COPY] + 8 * k
            if wide:
                two_registers(
                    X, table, distances.ctypes.data, samples * rows, along, step, strip_at, init,
                    init_step, at, width * size, 0,
                )  # fmt: skip
            else:
                one_register(
                    X, table, distances.ctypes.data, samples * rows, along, step, strip_at, init,
                    init_step, at, width * size, 0,
                )  # fmt: skip
    for k in range(rounded if group else 0):
        windows[k] -= group * plan[w.P_CS] * size


# Arguments of a job: the plan, X, dY, the sums, scratch memory, its flags, the numbers of elements
# of X, dY and the sums of one tile (zeros behind them included for the last).


@tiles_by_size
def _sum_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    segments = numbers_at(number(args, 0) + 8 * w.P_END, plan[w.P_SEGMENTS])
    offsets = numbers_at(number(args, 0) + 8 * plan[w.P_OFFSETS], plan[w.P_PLANES])
    X = array(args, 1, 0, number(args, 6))
    dY = array(args, 2, 0, number(args, 7))
    jobs, share, parts = plan[w.P_JOBS], plan[w.P_SHARE], plan[w.P_PARTS]
    job, which = i // share, i % share
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    low, high = which * panels // share, (which + 1) * panels // share
    sums = array(args, 3, job * number(args, 8), number(args, 9))
    slot = take_slot(number(args, 5), plan[w.P_SLOTS])
    scratch = number(args, 4) + slot * plan[w.P_BYTES]
    depth, length = plan[w.P_DEPTH], plan[w.P_LENGTH]
    rounded = (depth + ROWS - 1) // ROWS * ROWS
    windows = numbers_at(scratch + plan[w.P_COPY], rounded)
    for s in range(plan[w.P_SEGMENTS]):
        for k in range(length):
            windows[s * length + k] = scratch + segments[s] + k * X.itemsize
    for k in range(depth, rounded):
        windows[k] = windows[depth - 1]
    distances = numbers_at(
        scratch + plan[w.P_COPY] + 8 * rounded, plan[w.P_SAMPLES] * plan[w.P_ROWS]
    )
    first = job * parts // jobs
    for part in range(first, (job + 1) * parts // jobs):
        _part(plan, offsets, X, dY, sums, scratch, distances, part, part == first, low, high)
    free_slot(number(args, 5), slot)


# Arguments: the plan, the sums, dW, elements of the sums of a tile, of all, and of dW; pieces of a
# panel; the distance in dW of a filter, a tap and a channel.


@tiles_by_size
def _total_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    one, pieces = number(args, 3), number(args, 6)
    sums = array(args, 1, 0, number(args, 4))
    dW = array(args, 2, 0, number(args, 5))
    lanes = REGISTER // dW.itemsize
    panels, columns, depth = plan[w.P_PANELS], plan[w.P_COLUMNS], plan[w.P_DEPTH]
    rounded = (depth + ROWS - 1) // ROWS * ROWS
    channels = plan[w.P_CS]
    taps = depth // channels
    total = plan[w.P_GROUPS] * panels * pieces
    each = (total + 254) // 255
    for piece in range(i * each, min((i + 1) * each, total)):
        panel, piece_of = piece // pieces, piece % pieces
        g, p = panel // panels, panel % panels
        width = min(2 * lanes, columns - p * 2 * lanes)
        used = min(plan[w.P_CT] - p * 2 * lanes, width)
        start = (g * columns + p * 2 * lanes) * rounded
        first = (g * plan[w.P_CT] + p * 2 * lanes) * number(args, 7)
        low, high = piece_of * channels // pieces, (piece_of + 1) * channels // pieces
        for t in range(taps):
            at = start + (t * channels + low) * width
            for job in range(1, plan[w.P_JOBS]):
                for j in range(at, at + (high - low) * width):
                    sums[j] += sums[job * one + j]
        for c in range(low, high):
            for t in range(taps):
                at = start + (t * channels + c) * width
                to = first + t * number(args, 8) + c * number(args, 9)
                for j in range(used):
                    dW[to + j * number(args, 7)] = sums[at + j]


@kernel
def _run(board, threads, job, jobs, total_job, plan, steps, X, dY, dW, sums, one, scratch, flags):
    args = np.empty(10, np.int64)
    sums[-2 * REGISTER // dW.itemsize :] = 0
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    args[0], args[1], args[2] = plan.ctypes.data, X.ctypes.data, dY.ctypes.data
    args[3], args[4], args[5] = sums.ctypes.data, scratch.ctypes.data, flags
    args[6], args[7], args[8], args[9] = X.size, dY.size, one, sums.size
    run_tiles(board, threads, job, args.ctypes.data, jobs)
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    pieces = min(plan[w.P_CS], (2 * threads + panels - 1) // panels)
    total = panels * pieces
    each = (total + 254) // 255
    args[1], args[2], args[3], args[4] = sums.ctypes.data, dW.ctypes.data, one, sums.size
    args[5], args[6] = dW.size, pieces
    args[7], args[8], args[9] = steps
    run_tiles(board, threads, total_job, args.ctypes.data, (total + each - 1) // each)


def gather_weight(board, threads, plan, steps, X, dY, dW, sums, scratch):
    """Compute dW: `plan` from `weight_plan`; all arrays flat.

    `steps`: the distance in dW of a filter, a tap and a channel.
    `scratch`: bytes, the flags of the slots in front.
    """
    address = scratch.ctypes.data
    flags = -(-address // 64) * 64
    memory = scratch[flags - address + SLOT * threads :]
    _run(
        board, threads, _sum_job[X.itemsize].address, plan.jobs, _total_job[X.itemsize].address,
        plan.numbers, steps, X, dY, dW, sums, plan.packed // plan.copies, memory, flags,
    )  # fmt: skip
