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
from ._lanes import turn_lanes
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
        B = packed + _place(plan, each, lanes) * size
        bias = B + depth * width * size
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


# Numbers of a packing, behind those of the job: weights and factors of the columns, biases or 0,
# taps; distances in the weights of a lane, a channel and a group; numbers of elements of weights
# and of packed weights; whether the taps of a channel are neighbours in memory and the channels of
# a filter, too; how many panels a tile packs, where that is a job of its own.
_W, _SCALE, _BIAS, _TAPS, _LANE, _CHANNEL, _GROUP, _WEIGHTS, _PACKED, _TURN, _EACH = range(9, 20)


@kernel
def _turned(W, start, lane_step, steps, channels, to, width, scale):
    """Pack as many filters as a vector has lanes; each one's weights, C by taps, lie together."""
    lanes = REGISTER // W.itemsize
    targets = np.empty(lanes, np.int64)
    whole = channels * steps
    for k in range(0, whole, lanes):
        k = min(k, whole - lanes)  # the last ones overlap
        c = k // steps
        t = k - c * steps
        for i in range(lanes):
            targets[i] = to + (t * channels + c) * width * W.itemsize
            t += 1
            if t == steps:
                t, c = 0, c + 1
        source = W.ctypes.data + (start + k) * W.itemsize
        turn_lanes(W, source, lane_step * W.itemsize, targets.ctypes.data, scale)


@kernel
def _pack(args, plan, W, packed, k):
    """Pack panel k of all groups' weights into `packed`, and its biases behind them."""
    channels, depth, panels = plan[w.P_CS], plan[w.P_DEPTH], plan[w.P_PANELS]
    steps = depth // channels if channels else 0
    taps = numbers_at(number(args, _TAPS), steps)
    lane_step, channel_step = number(args, _LANE), number(args, _CHANNEL)
    lanes = REGISTER // W.itemsize
    g, p = k // panels, k % panels
    width = min(2 * lanes, plan[w.P_COLUMNS] - p * 2 * lanes)
    used = min(plan[w.P_CT] - p * 2 * lanes, width)
    column = g * plan[w.P_CT] + p * 2 * lanes
    start = g * number(args, _GROUP) + p * 2 * lanes * lane_step
    scale = like(W, number(args, _SCALE) + column * W.itemsize, used)
    turned = 0
    if number(args, _TURN) and depth >= lanes:
        while turned + lanes <= used:
            _turned(
                W, start + turned * lane_step, lane_step, steps, channels,
                packed.ctypes.data + turned * W.itemsize, width,
                scale.ctypes.data + turned * W.itemsize,
            )  # fmt: skip
            turned += lanes
    # In this order the weights are read line by line, of whichever order they are.
    for c in range(channels if turned < width else 0):
        for t in range(steps):
            at = start + taps[t] + c * channel_step
            to = (t * channels + c) * width
            for j in range(turned, used):
                packed[to + j] = W[at + j * lane_step] * scale[j]
            for j in range(used, width):
                packed[to + j] = 0
    for j in range(width):
        packed[depth * width + j] = 0
    if number(args, _BIAS):
        bias = like(W, number(args, _BIAS) + column * W.itemsize, used)
        for j in range(used):
            packed[depth * width + j] = bias[j]


@kernel
def _place(plan, k, lanes):
    """Where panel k begins among the packed ones: each is followed by its biases."""
    g, p = k // plan[w.P_PANELS], k % plan[w.P_PANELS]
    return (g * plan[w.P_COLUMNS] + p * 2 * lanes) * (plan[w.P_DEPTH] + 1)


# Arguments of a job: the plan, source, packed weights, target, scratch memory, its flags, relu;
# then the numbers of elements of source and target, and those of a packing.


@tiles_by_size
def _gather_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    segments = numbers_at(number(args, 0) + 8 * w.P_END, plan[w.P_SEGMENTS])
    offsets = numbers_at(number(args, 0) + 8 * plan[w.P_OFFSETS], plan[w.P_PLANES])
    source = array(args, 1, 0, number(args, 7))
    target = array(args, 3, 0, number(args, 8))
    jobs, share, parts = plan[w.P_JOBS], plan[w.P_SHARE], plan[w.P_PARTS]
    job, which = i // share, i % share
    panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
    low, high = which * panels // share, (which + 1) * panels // share
    slot = take_slot(number(args, 5), plan[w.P_SLOTS])
    scratch = number(args, 4) + slot * plan[w.P_BYTES]
    packed = number(args, 2)
    if plan[w.P_PACK]:
        W = array(args, _W, 0, number(args, _WEIGHTS))
        lanes = REGISTER // W.itemsize
        first = _place(plan, low, lanes)
        packed = scratch + plan[w.P_PACK] - first * W.itemsize
        for k in range(low, high):
            at = packed + _place(plan, k, lanes) * W.itemsize
            _pack(args, plan, W, like(W, at, 2 * lanes * (plan[w.P_DEPTH] + 1)), k)
    for part in range(job * parts // jobs, (job + 1) * parts // jobs):
        _part(
            plan, segments, offsets, source, packed, target, scratch, number(args, 6), part, low,
            high,
        )  # fmt: skip
    free_slot(number(args, 5), slot)


@tiles_by_size
def _pack_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    W = array(args, _W, 0, number(args, _WEIGHTS))
    packed = array(args, 2, 0, number(args, _PACKED))
    panels, each = plan[w.P_GROUPS] * plan[w.P_PANELS], number(args, _EACH)
    for k in range(i * each, min((i + 1) * each, panels)):
        _pack(args, plan, W, packed[_place(plan, k, REGISTER // W.itemsize) :], k)


@kernel
def _run(
    board, threads, pack, job, jobs, plan, taps, steps, W, scale, bias, packed, source, target,
    scratch, flags, relu,
):  # fmt: skip
    args = np.empty(20, np.int64)
    args[0], args[1], args[2] = plan.ctypes.data, source.ctypes.data, packed.ctypes.data
    args[3], args[4], args[5], args[6] = target.ctypes.data, scratch.ctypes.data, flags, relu
    args[7], args[8] = source.size, target.size
    args[_W], args[_SCALE], args[_BIAS] = W.ctypes.data, scale.ctypes.data, bias
    args[_TAPS] = taps.ctypes.data
    args[_LANE], args[_CHANNEL], args[_GROUP] = steps
    args[_WEIGHTS], args[_PACKED] = W.size, packed.size
    # Taps by rising or falling place: neighbours if the last is as far on as there are others.
    n = taps.size
    args[_TURN] = n > 0 and steps[1] == n and taps[0] == 0 and taps[n - 1] == n - 1
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    if plan[w.P_PACK] == 0:
        panels = plan[w.P_GROUPS] * plan[w.P_PANELS]
        args[_EACH] = each = (panels + 254) // 255
        run_tiles(board, threads, pack, args.ctypes.data, (panels + each - 1) // each)
    run_tiles(board, threads, job, args.ctypes.data, jobs)


def gather(
    board, threads, plan, taps, steps, W, scale, bias, packed, source, target, scratch, relu
):
    """Do a phase: `plan` from `gather_plan`; all arrays flat.

    `taps`: the distance of each tap in W; `steps`: those of a column, of a channel and of a group;
    `scale`: a factor of each column.
    `scratch`: bytes, the flags of the slots in front.
    """
    address = scratch.ctypes.data
    flags = -(-address // 64) * 64
    memory = scratch[flags - address + SLOT * threads :]
    _run(
        board, threads, _pack_job[W.itemsize].address,
        _gather_job[W.itemsize].address, plan.jobs, plan.numbers, taps, steps, W, scale,
        0 if bias is None else bias.ctypes.data, packed, source, target, memory, flags, relu,
    )  # fmt: skip
