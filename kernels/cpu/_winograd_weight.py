"""The gradient of 3x3 weights by Winograd's minimal filtering; see `_winograd`.

    dg = G^T [ sum over the squares of  (B^T d B) * (A dY A^T) ] G

The sum over the squares is, for each of the 16 elements, a product of matrices: (C, squares) by
(squares, columns).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from . import _windows as w
from ._atomic import store
from ._compile import kernel
from ._products import REGISTER, ROWS, one_register, two_registers
from ._tiles import SLOT, copy_part, free_slot, like, numbers_at, part_of, take_slot
from ._winograd import forth_squares, squares_of
from .team import array, number, run_tiles, tiles_by_size

__all__ = ["winograd_weight"]


def _spread(builder, tools, here, source, row, pixel, target, step, more, down, right, relu):
    """``A dY A^T``: 2x2 pixels, `row` and `pixel` apart, to 16 vectors, `step` apart."""
    vector, constant, read, write = tools
    zero = ir.Constant(vector, None)

    def along(d):
        first, second = d
        between = [builder.fadd(first, second), builder.fsub(first, second)]
        return [first, *between, builder.fsub(zero, second)]

    d = []
    for i in range(2):
        at = builder.add(builder.add(source, here), builder.mul(row, constant(i)))
        pixels = [read(builder.add(at, builder.mul(pixel, constant(j)))) for j in range(2)]
        d.append(along(pixels))
    for j in range(4):
        for i, value in enumerate(along([d[0][j], d[1][j]])):
            at = builder.add(builder.mul(step, constant(4 * i + j)), here)
            write(value, builder.add(target, at))


_spread_squares = squares_of(_spread)


@kernel
def _part(plan, offsets, X, dY, sums, scratch, table, height, index, first, low, high):
    """Add tile `index` to `sums`, for the panels `low` to `high`; `first`: to nothing."""
    size = X.itemsize
    lanes = REGISTER // size
    along, C = plan[w.P_JW], plan[w.P_SC]
    sample, samples, place, row, rows = part_of(plan, index)
    copy = like(X, scratch, plan[w.P_COPY] // size)
    copy_part(plan, offsets, X, copy, sample, samples, place, row, rows)
    count = samples * rows * along
    rounded = (C + ROWS - 1) // ROWS * ROWS
    windows = numbers_at(table, rounded)
    distances = numbers_at(table + 8 * rounded, 16)
    forth = table + 8 * rounded + 8 * 16
    forth += -forth % 64
    # An odd number of cache lines, so that the 16 parts do not meet in one set of the cache.
    step = count * C * size
    step += 64 if step // 64 % 2 == 0 else 0
    for e in range(16):
        distances[e] = e * step
    for c in range(rounded):
        windows[c] = forth + min(c, C - 1) * size
    pixel, line = C * size, plan[w.P_PW] * C * size
    q = 0
    for s in range(samples):
        for y in range(rows):
            for x in range(along):
                at = scratch + (s * plan[w.P_PH] + 2 * y) * line + 2 * x * pixel
                to = forth + q * C * size
                forth_squares(X, at, line, pixel, to, step, C // lanes, 0, 0, 0, 0)
                q += 1
    back = forth + 16 * step
    columns = plan[w.P_COLUMNS]
    pixel, line = columns * size, plan[w.P_TH] * size
    zeros = sums.ctypes.data + (sums.size - 2 * lanes) * size
    for p in range(low, high):
        wide = columns - p * 2 * lanes >= 2 * lanes
        used = 2 * lanes if wide else lanes
        apart = count * used * size + 64
        q = 0
        for s in range(samples):
            for y in range(row, row + rows):
                for x in range(along):
                    at = ((sample + s) * height + 2 * y) * line + 2 * x * pixel
                    _spread_squares(
                        X, dY.ctypes.data + at + p * 2 * lanes * size, line, pixel,
                        back + q * used * size, apart, used // lanes, 0, 0, 0, 0,
                    )  # fmt: skip
                    q += 1
        out = sums.ctypes.data + 16 * p * 2 * lanes * rounded * size
        for e in range(16):
            for c in range(0, rounded, ROWS):
                init, init_step = (zeros, 0) if first else (out, used * size)
                if wide:
                    two_registers(
                        X, table + 8 * c, table + 8 * (rounded + e), 1, count, C * size,
                        back + e * apart, init, init_step, out, used * size, 0,
                    )  # fmt: skip
                else:
                    one_register(
                        X, table + 8 * c, table + 8 * (rounded + e), 1, count, C * size,
                        back + e * apart, init, init_step, out, used * size, 0,
                    )  # fmt: skip
                out += ROWS * used * size


# Arguments of a job: the plan, X, dY, the sums, scratch memory, its flags, the numbers of elements
# of X, dY, the sums of one tile and all of them, and the rows of dY.


@tiles_by_size
def _sum_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    offsets = numbers_at(number(args, 0) + 8 * plan[w.P_OFFSETS], 1)
    X = array(args, 1, 0, number(args, 6))
    dY = array(args, 2, 0, number(args, 7))
    jobs, share, parts = plan[w.P_JOBS], plan[w.P_SHARE], plan[w.P_PARTS]
    job, which = i // share, i % share
    low, high = which * plan[w.P_PANELS] // share, (which + 1) * plan[w.P_PANELS] // share
    sums = array(args, 3, job * number(args, 8), number(args, 9))
    slot = take_slot(number(args, 5), plan[w.P_SLOTS])
    scratch = number(args, 4) + slot * plan[w.P_BYTES]
    table = scratch + plan[w.P_COPY]
    first = job * parts // jobs
    for part in range(first, (job + 1) * parts // jobs):
        _part(
            plan, offsets, X, dY, sums, scratch, table, number(args, 10), part, part == first, low,
            high,
        )  # fmt: skip
    free_slot(number(args, 5), slot)


# Arguments: the plan, the sums, dW, elements of the sums of a tile, of all, and of dW; the distance
# in dW of a filter, a tap and a channel; channels of a tile.


@tiles_by_size
def _total_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    one = number(args, 3)
    sums = array(args, 1, 0, number(args, 4))
    dW = array(args, 2, 0, number(args, 5))
    most = 2 * REGISTER // dW.itemsize
    columns, C = plan[w.P_COLUMNS], plan[w.P_SC]
    rounded = (C + ROWS - 1) // ROWS * ROWS
    filter_, tap, channel = number(args, 6), number(args, 7), number(args, 8)
    half = dW.dtype.type(0.5)
    low, high = i * number(args, 9), min((i + 1) * number(args, 9), C)
    for p in range(plan[w.P_PANELS]):
        width = min(most, columns - p * most)
        step = rounded * width
        for e in range(16):
            at = 16 * p * most * rounded + e * step
            for job in range(1, plan[w.P_JOBS]):
                for j in range(at + low * width, at + high * width):
                    sums[j] += sums[job * one + j]
        for c in range(low, high):
            at = 16 * p * most * rounded + c * width
            # Along the rows, in place; then along the columns.
            for e in range(4):
                for j in range(at + 4 * e * step, at + 4 * e * step + width):
                    a, b, d = sums[j], sums[j + step], sums[j + 2 * step]
                    sums[j] = a + half * (b + d)
                    sums[j + step] = half * (b - d)
                    sums[j + 2 * step] = half * (b + d) + sums[j + 3 * step]
            for j in range(width):
                to = (p * most + j) * filter_ + c * channel
                for e in range(3):
                    here = at + e * step + j
                    a, b = sums[here], sums[here + 4 * step]
                    d, f = sums[here + 8 * step], sums[here + 12 * step]
                    dW[to + e * tap] = a + half * (b + d)
                    dW[to + (e + 3) * tap] = half * (b - d)
                    dW[to + (e + 6) * tap] = half * (b + d) + f


@kernel
def _run(
    board, threads, job, jobs, total_job, plan, steps, X, dY, dW, sums, one, height, scratch, flags
):
    args = np.empty(11, np.int64)
    sums[-2 * REGISTER // dW.itemsize :] = 0
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    args[0], args[1], args[2] = plan.ctypes.data, X.ctypes.data, dY.ctypes.data
    args[3], args[4], args[5] = sums.ctypes.data, scratch.ctypes.data, flags
    args[6], args[7], args[8], args[9], args[10] = X.size, dY.size, one, sums.size, height
    run_tiles(board, threads, job, args.ctypes.data, jobs)
    args[1], args[2], args[3], args[4] = sums.ctypes.data, dW.ctypes.data, one, sums.size
    args[5] = dW.size
    args[6], args[7], args[8] = steps
    tiles = min(2 * threads, plan[w.P_SC])
    args[9] = (plan[w.P_SC] + tiles - 1) // tiles
    run_tiles(board, threads, total_job, args.ctypes.data, tiles)


def winograd_weight(board, threads, plan, steps, X, dY, dW, sums, height, scratch):
    """Compute dW: `plan` from `winograd_plan` with `weight`; all arrays flat.

    `steps`: the distance in dW of a filter, a tap and a channel. `height`: rows of dY.
    `scratch`: bytes, the flags of the slots in front.
    """
    address = scratch.ctypes.data
    flags = -(-address // 64) * 64
    memory = scratch[flags - address + SLOT * threads :]
    _run(
        board, threads, _sum_job[X.itemsize].address, plan.jobs, _total_job[X.itemsize].address,
        plan.numbers, steps, X, dY, dW, sums, plan.packed // plan.copies, height, memory, flags,
    )  # fmt: skip
