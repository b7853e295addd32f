"""One phase of a convolution, forward or backward by the input, shared by the team.

    tile: rows of pixels of the target, and a share of the panels of weights
      1. copy the part of the source that its windows see, with the zeros around it
         (or read the source in place, where no window reaches beyond it)
      2. a table with the address of each pixel's window
      3. for each panel, for each block of pixels: the product in registers, bias, ReLU

The weights come in panels, ``[panel][tap, channel][column]``, columns being as many as two vectors
hold, so that a step of the product reads one row.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import overload

from . import _windows as w
from ._atomic import copy_bytes, fetch_add, float32_pointer, float64_pointer, store
from ._compile import kernel
from ._products import REGISTER, ROWS, int64_pointer, one_register, two_registers
from .team import array, number, run_tiles, tiles_by_size

__all__ = ["SLOT", "copy_part", "free_slot", "gather", "like", "numbers_at", "take_slot"]

#: Bytes from the flag of a slot of scratch memory to the next.
SLOT = 64


@kernel
def numbers_at(address, n):
    return numba.carray(int64_pointer(address), (n,))


@kernel
def take_slot(flags, slots):
    """The number of a slot that no other tile has. There are as many as threads."""
    while True:
        for slot in range(slots):
            if fetch_add(flags + SLOT * slot, 1) == 0:
                return slot
            fetch_add(flags + SLOT * slot, -1)


@kernel
def free_slot(flags, slot):
    fetch_add(flags + SLOT * slot, -1)


@kernel
def copy_part(plan, offsets, source, copy, sample, samples, place, row, rows):
    """Copy what the windows of some rows of some samples see into `copy`, zeros included."""
    C, D, H, W = plan[w.P_SC], plan[w.P_SD], plan[w.P_SH], plan[w.P_SW]
    step = plan[w.P_STEP_H]
    height, width = plan[w.P_PH], plan[w.P_PW]
    used = height - (plan[w.P_ROWS] - rows) * step
    left = min(width, max(0, -plan[w.P_FIRST_W]))
    start = max(0, plan[w.P_FIRST_W])
    inside = max(0, min(W - start, width - left))
    size = source.itemsize
    for s in range(samples):
        for t in range(plan[w.P_PLANES]):
            d = place * plan[w.P_STEP_D] + offsets[t]
            for y in range(used):
                h = row * step + plan[w.P_FIRST_H] + y
                at = ((s * plan[w.P_PLANES] + t) * height + y) * width * C
                if d < 0 or d >= D or h < 0 or h >= H or inside == 0:
                    copy[at : at + width * C] = 0
                    continue
                copy[at : at + left * C] = 0
                here = ((((sample + s) * D + d) * H + h) * W + start) * C
                target = copy.ctypes.data + (at + left * C) * size
                copy_bytes(target, source.ctypes.data + here * size, inside * C * size)
                copy[at + (left + inside) * C : at + width * C] = 0


@kernel
def _part(plan, segments, offsets, source, packed, target, scratch, relu, index, low, high):
    """Tile `index`, for the panels `low` to `high`."""
    size = source.itemsize
    direct = plan[w.P_DIRECT] != 0
    down, along, C = plan[w.P_JH], plan[w.P_JW], plan[w.P_SC]
    samples, rows, place, row = plan[w.P_SAMPLES], plan[w.P_ROWS], 0, 0
    if samples > 1:
        sample = index * samples
        samples = min(samples, plan[w.P_N] - sample)
    else:
        parts = (down + rows - 1) // rows
        row = index % parts * rows
        place = index // parts % plan[w.P_JD]
        sample = index // parts // plan[w.P_JD]
        rows = min(rows, down - row)
    # 1. The source.
    table = scratch + plan[w.P_COPY]
    if direct:
        base = source.ctypes.data
        step_w = plan[w.P_STEP_W] * C * size
        step_h = plan[w.P_STEP_H] * plan[w.P_SW] * C * size
        plane = plan[w.P_SH] * plan[w.P_SW] * C * size
        step_n = plan[w.P_SD] * plane
        base += sample * step_n + place * plan[w.P_STEP_D] * plane + row * step_h
    else:
        base = scratch
        step_w = plan[w.P_STEP_W] * C * size
        step_h = plan[w.P_STEP_H] * plan[w.P_PW] * C * size
        step_n = plan[w.P_PLANES] * plan[w.P_PH] * plan[w.P_PW] * C * size
        elements = plan[w.P_COPY] // size
        part = like(source, scratch, elements)
        copy_part(plan, offsets, source, part, sample, samples, place, row, rows)
    # 2. The windows, and where their sums go.
    count = samples * rows * along
    padded = (count + ROWS - 1) // ROWS * ROWS
    windows = numbers_at(table, padded)
    q = 0
    for s in range(samples):
        for y in range(rows):
            at = base + s * step_n + y * step_h
            for x in range(along):
                windows[q + x] = at + x * step_w
            q += along
    for q in range(count, padded):
        windows[q] = windows[count - 1]
    first = plan[w.P_START] + sample * plan[w.P_TN] + place * plan[w.P_TD] + row * plan[w.P_TH]
    dense = plan[w.P_DENSE] != 0
    places = numbers_at(table + plan[w.P_TABLE], padded)
    if not dense:
        q = 0
        for s in range(samples):
            for y in range(rows):
                at = first + s * plan[w.P_TN] + y * plan[w.P_TH]
                for x in range(along):
                    places[q + x] = at + x * plan[w.P_TW]
                q += along
    # 3. The products.
    temporary = table + 2 * plan[w.P_TABLE]
    lanes = REGISTER // size
    block = like(source, temporary, ROWS * 2 * lanes)
    panels, columns, depth = plan[w.P_PANELS], plan[w.P_COLUMNS], plan[w.P_DEPTH]
    biases = packed.ctypes.data + plan[w.P_GROUPS] * columns * depth * size
    distances = segments.ctypes.data
    n, length, channels = plan[w.P_SEGMENTS], plan[w.P_LENGTH], plan[w.P_CT]
    pixel = channels * plan[w.P_GROUPS]
    group = 0
    for each in range(low, high):
        g, p = each // panels, each % panels
        while group < g:
            group += 1
            for q in range(padded):
                windows[q] += plan[w.P_CS] * size
        wide = columns - p * 2 * lanes >= 2 * lanes
        used = min(channels - p * 2 * lanes, 2 * lanes)
        width = 2 * lanes if wide else lanes
        column = g * columns + p * 2 * lanes
        B = packed.ctypes.data + column * depth * size
        bias = biases + column * size
        here = g * channels + p * 2 * lanes
        for q in range(0, count, ROWS):
            whole = dense and used == width and q + ROWS <= count
            if whole:
                out = target.ctypes.data + (first + q * pixel + here) * size
                out_step = pixel * size
            else:
                out, out_step = temporary, width * size
            if wide:
                two_registers(
                    source, table + 8 * q, distances, n, length, size, B, bias, 0, out, out_step,
                    relu,
                )  # fmt: skip
            else:
                one_register(
                    source, table + 8 * q, distances, n, length, size, B, bias, 0, out, out_step,
                    relu,
                )  # fmt: skip
            if not whole:
                for m in range(min(ROWS, count - q)):
                    at = (first + (q + m) * pixel if dense else places[q + m]) + here
                    for j in range(used):
                        target[at + j] = block[m * width + j]


def like(array, address, n):
    """n elements of the dtype of `array` at `address`."""
    raise NotImplementedError("compiled only")


@overload(like)
def _typed(array, address, n):
    pointer = float32_pointer if array.dtype.bitwidth == 32 else float64_pointer
    return lambda array, address, n: numba.carray(pointer(address), (n,))


# Arguments of a job: the plan, source, packed weights, target, scratch memory, its flags, relu;
# then the numbers of elements of source, packed weights and target.


@tiles_by_size
def _gather_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    segments = numbers_at(number(args, 0) + 8 * w.P_END, plan[w.P_SEGMENTS])
    offsets = numbers_at(number(args, 0) + 8 * plan[w.P_OFFSETS], plan[w.P_PLANES])
    source = array(args, 1, 0, number(args, 7))
    packed = array(args, 2, 0, number(args, 8))
    target = array(args, 3, 0, number(args, 9))
    jobs, share, parts = plan[w.P_JOBS], plan[w.P_SHARE], plan[w.P_PARTS]
    job, which = i // share, i % share
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    low, high = which * panels // share, (which + 1) * panels // share
    slot = take_slot(number(args, 5), plan[w.P_SLOTS])
    scratch = number(args, 4) + slot * plan[w.P_BYTES]
    for part in range(job * parts // jobs, (job + 1) * parts // jobs):
        _part(
            plan, segments, offsets, source, packed, target, scratch, number(args, 6), part, low,
            high,
        )  # fmt: skip
    free_slot(number(args, 5), slot)


# Arguments: weights, packed weights, biases or 0, the plan, taps, lanes' and channels' and groups'
# distance in the weights; then the numbers of elements of weights and packed weights, columns of a
# group that count, and how many panels a tile packs.


@tiles_by_size
def _pack_job(args, i):
    plan = numbers_at(number(args, 3), w.P_END)
    channels, columns, depth = plan[w.P_CS], plan[w.P_COLUMNS], plan[w.P_DEPTH]
    panels, groups = plan[w.P_PANELS], plan[w.P_GROUPS]
    W = array(args, 0, 0, number(args, 8))
    packed = array(args, 1, 0, number(args, 9))
    steps = depth // channels if channels else 0
    taps = numbers_at(number(args, 4), steps)
    lane_step, channel_step, group_step = number(args, 5), number(args, 6), number(args, 7)
    most = 2 * REGISTER // W.itemsize
    each = number(args, 11)
    for k in range(i * each, min((i + 1) * each, groups * panels)):
        g, p = k // panels, k % panels
        width = min(most, columns - p * most)
        used = min(number(args, 10) - p * most, width)
        column = g * columns + p * most
        # In this order the weights are read line by line, of whichever order they are.
        for c in range(channels):
            for t in range(steps):
                at = taps[t] + g * group_step + p * most * lane_step + c * channel_step
                to = column * depth + (t * channels + c) * width
                for j in range(used):
                    packed[to + j] = W[at + j * lane_step]
                for j in range(used, width):
                    packed[to + j] = 0
        to = groups * columns * depth + column
        for j in range(width):
            packed[to + j] = 0
        if number(args, 2):
            bias = array(args, 2, 0, groups * number(args, 10))
            for j in range(used):
                packed[to + j] = bias[g * number(args, 10) + p * most + j]


@kernel
def _run(
    board, threads, pack, job, jobs, plan, taps, steps, W, bias, packed, source, target, scratch,
    flags, relu,
):  # fmt: skip
    args = np.empty(12, np.int64)
    args[0], args[1], args[2] = W.ctypes.data, packed.ctypes.data, bias
    args[3], args[4] = plan.ctypes.data, taps.ctypes.data
    args[5], args[6], args[7] = steps
    args[8], args[9], args[10] = W.size, packed.size, plan[w.P_CT]
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    args[11] = (panels + 254) // 255
    run_tiles(board, threads, pack, args.ctypes.data, (panels + args[11] - 1) // args[11])
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    args[0], args[1], args[2] = plan.ctypes.data, source.ctypes.data, packed.ctypes.data
    args[3], args[4], args[5], args[6] = target.ctypes.data, scratch.ctypes.data, flags, relu
    args[7], args[8], args[9] = source.size, packed.size, target.size
    run_tiles(board, threads, job, args.ctypes.data, jobs)


def gather(board, threads, plan, taps, steps, W, bias, packed, source, target, scratch, relu):
    """Do a phase: `plan` from `gather_plan`; all arrays flat.

    `taps`: the distance of each tap in W; `steps`: those of a column, of a channel and of a group.
    `scratch`: bytes, the flags of the slots in front.
    """
    address = scratch.ctypes.data
    flags = -(-address // 64) * 64
    memory = scratch[flags - address + SLOT * threads :]
    _run(
        board, threads, _pack_job[W.itemsize].address,
        _gather_job[W.itemsize].address, plan.jobs, plan.numbers, taps, steps, W,
        0 if bias is None else bias.ctypes.data, packed, source, target, memory, flags, relu,
    )  # fmt: skip
