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

import numpy as np

from . import _windows as w
from ._atomic import store
from ._compile import kernel
from ._pack import ELEMENTS, PACKING_END, WEIGHTS, pack, pack_job, place_of, plan_packing
from ._products import REGISTER, ROWS, one_register, two_registers
from ._tiles import SLOT, copy_part, free_slot, like, numbers_at, part_of, take_slot
from .team import array, number, run_tiles, tiles_by_size

__all__ = ["gather"]


@kernel
def _part(plan, segments, offsets, source, packed, target, scratch, relu, index, low, high):
    """Tile `index`, for the panels `low` to `high`."""
    size = source.itemsize
    direct = plan[w.P_DIRECT] != 0
    along, C = plan[w.P_JW], plan[w.P_SC]
    sample, samples, place, row, rows = part_of(plan, index)
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
        B = packed + place_of(plan, each, lanes) * size
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
        W = array(args, WEIGHTS, 0, number(args, ELEMENTS))
        lanes = REGISTER // W.itemsize
        first = place_of(plan, low, lanes)
        packed = scratch + plan[w.P_PACK] - first * W.itemsize
        for k in range(low, high):
            at = packed + place_of(plan, k, lanes) * W.itemsize
            pack(args, plan, W, like(W, at, 2 * lanes * (plan[w.P_DEPTH] + 1)), k)
    for part in range(job * parts // jobs, (job + 1) * parts // jobs):
        _part(
            plan, segments, offsets, source, packed, target, scratch, number(args, 6), part, low,
            high,
        )  # fmt: skip
    free_slot(number(args, 5), slot)


@kernel
def _run(
    board, threads, packing, job, jobs, plan, taps, steps, W, scale, bias, packed, source, target,
    scratch, flags, relu,
):  # fmt: skip
    args = np.empty(PACKING_END, np.int64)
    args[0], args[1], args[2] = plan.ctypes.data, source.ctypes.data, packed.ctypes.data
    args[3], args[4], args[5], args[6] = target.ctypes.data, scratch.ctypes.data, flags, relu
    args[7], args[8] = source.size, target.size
    tiles = plan_packing(args, plan, taps, steps, W, scale, bias, packed)
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    if plan[w.P_PACK] == 0:
        run_tiles(board, threads, packing, args.ctypes.data, tiles)
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
        board, threads, pack_job[W.itemsize].address,
        _gather_job[W.itemsize].address, plan.jobs, plan.numbers, taps, steps, W, scale,
        0 if bias is None else bias.ctypes.data, packed, source, target, memory, flags, relu,
    )  # fmt: skip
