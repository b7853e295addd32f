"""Winograd's minimal filtering for 3x3 taps with stride 1: 16 multiplications in place of 36.

Each 2x2 pixels Y of the target come from the 4x4 pixels d of the source that their windows see::

    Y = A^T [ sum over the channels of (G g G^T) * (B^T d B) ] A        g: 3x3 taps, *: by element

         [1 0 -1  0]          [ 1   0   0 ]          [1 1  1  0]
    B^T= [0 1  1  0]      G = [1/2 1/2 1/2]    A^T = [0 1 -1 -1]
         [0 -1 1  0]          [1/2 -1/2 1/2]
         [0 1  0 -1]          [ 0   0   1 ]

The sum over the channels is, for each of the 16 elements, a product of matrices: (squares, C) by
(C, columns). Rounding errors are about twice those of the plain sum.

Source: Lavin and Gray, Fast algorithms for convolutional neural networks, 2016.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import _windows as w
from ._atomic import _I64, _pointer, store
from ._compile import kernel
from ._products import REGISTER, ROWS, one_register, two_registers
from ._tiles import SLOT, copy_part, free_slot, like, numbers_at, part_of, take_slot
from .team import array, number, run_tiles, tiles_by_size

__all__ = ["forth_squares", "squares_of", "winograd"]


def _vectors(builder, kind, size):
    """How to read, write, add and subtract vectors at addresses."""
    vector = ir.VectorType(kind, REGISTER // size)

    def constant(value):
        return ir.Constant(_I64, value)

    def read(address):
        return builder.load(_pointer(builder, address, vector), align=size)

    def write(value, address):
        builder.store(value, _pointer(builder, address, vector), align=size)

    return vector, constant, read, write


def squares_of(of):
    """An intrinsic over `n` vectors of channels, whose body `of` builds."""

    @intrinsic
    def squares(typingctx, like, source, row, pixel, target, step, n, more, down, right, relu):
        real = like.dtype

        def codegen(context, builder, signature, args):
            kind = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
            with cgutils.for_range(builder, args[6]) as loop:
                here = builder.mul(loop.index, ir.Constant(_I64, REGISTER))
                of(
                    builder,
                    _vectors(builder, kind, real.bitwidth // 8),
                    here,
                    *args[1:6],
                    *args[7:],
                )
            return context.get_dummy_value()

        return types.none(like, *[types.int64] * 10), codegen

    return squares


def _forth(builder, tools, here, source, row, pixel, target, step, more, down, right, relu):
    """``B^T d B``: 4x4 pixels, `row` and `pixel` apart, to 16 vectors, `step` apart."""
    _, constant, read, write = tools
    add, sub = builder.fadd, builder.fsub

    def along(d):
        return [sub(d[0], d[2]), add(d[1], d[2]), sub(d[2], d[1]), sub(d[1], d[3])]

    d = []
    for i in range(4):
        at = builder.add(builder.add(source, here), builder.mul(row, constant(i)))
        pixels = [read(builder.add(at, builder.mul(pixel, constant(j)))) for j in range(4)]
        d.append(along(pixels))
    for j in range(4):
        for i, value in enumerate(along([d[k][j] for k in range(4)])):
            at = builder.add(builder.mul(step, constant(4 * i + j)), here)
            write(value, builder.add(target, at))


def _back(builder, tools, here, source, row, pixel, target, step, more, down, right, relu):
    """``A^T m A``: 16 vectors, `step` apart, to 2x2 pixels, with the bias at `more` and ReLU.

    `down`, `right`: whether there is a second row and a second column.
    """
    vector, constant, read, write = tools
    add, sub = builder.fadd, builder.fsub
    zero = ir.Constant(vector, None)

    def along(m):
        return [add(add(m[0], m[1]), m[2]), sub(sub(m[1], m[2]), m[3])]

    m = []
    for i in range(4):
        at = [builder.add(builder.mul(step, constant(4 * i + j)), here) for j in range(4)]
        m.append(along([read(builder.add(source, place)) for place in at]))
    bias = read(builder.add(more, here))
    yes = builder.icmp_signed("!=", relu, constant(0))
    always = ir.Constant(ir.IntType(1), 1)
    second = [always, builder.icmp_signed("!=", down, constant(0))]
    third = [always, builder.icmp_signed("!=", right, constant(0))]
    for j in range(2):
        for i, value in enumerate(along([m[k][j] for k in range(4)])):
            value = add(value, bias)
            negative = builder.fcmp_ordered("<", value, zero)
            # A comparison that NaN fails, so that it stays.
            clipped = builder.select(negative, zero, value)
            value = builder.select(yes, clipped, value)
            with builder.if_then(builder.and_(second[i], third[j])):
                at = builder.add(builder.mul(row, constant(i)), builder.mul(pixel, constant(j)))
                write(value, builder.add(builder.add(target, here), at))


forth_squares, _back_squares = squares_of(_forth), squares_of(_back)


@kernel
def _part(plan, offsets, source, packed, target, scratch, table, height, relu, index, low, high):
    """Tile `index`, for the panels `low` to `high`."""
    size = source.itemsize
    lanes = REGISTER // size
    along, C = plan[w.P_JW], plan[w.P_SC]
    sample, samples, place, row, rows = part_of(plan, index)
    copy = like(source, scratch, plan[w.P_COPY] // size)
    copy_part(plan, offsets, source, copy, sample, samples, place, row, rows)
    count = samples * rows * along
    padded = (count + ROWS - 1) // ROWS * ROWS
    pixel, line = C * size, plan[w.P_PW] * C * size
    windows = numbers_at(table, padded)
    forth = table + 8 * padded + 8 * 16
    forth += -forth % 64
    # An odd number of cache lines, so that the 16 parts do not meet in one set of the cache.
    step = count * C * size
    step += 64 if step // 64 % 2 == 0 else 0
    distances = numbers_at(table + 8 * padded, 16)
    for p in range(16):
        distances[p] = p * step
    q = 0
    for s in range(samples):
        for y in range(rows):
            for x in range(along):
                at = scratch + (s * plan[w.P_PH] + 2 * y) * line + 2 * x * pixel
                windows[q] = forth + q * C * size
                forth_squares(source, at, line, pixel, windows[q], step, C // lanes, 0, 0, 0, 0)
                q += 1
    for q in range(count, padded):
        windows[q] = windows[count - 1]
    back = forth + 16 * step
    columns = plan[w.P_COLUMNS]
    biases = packed.ctypes.data + 16 * columns * C * size
    zeros = biases + columns * size
    pixel, line = columns * size, plan[w.P_TH] * size
    width = plan[w.P_TW]
    for p in range(low, high):
        wide = columns - p * 2 * lanes >= 2 * lanes
        used = 2 * lanes if wide else lanes
        B = packed.ctypes.data + 16 * p * 2 * lanes * C * size
        apart = padded * used * size + 64
        for e in range(16):
            for q in range(0, count, ROWS):
                out = back + e * apart + q * used * size
                if wide:
                    two_registers(
                        source, table + 8 * q, table + 8 * (padded + e), 1, C, size, B, zeros, 0,
                        out, used * size, 0,
                    )  # fmt: skip
                else:
                    one_register(
                        source, table + 8 * q, table + 8 * (padded + e), 1, C, size, B, zeros, 0,
                        out, used * size, 0,
                    )  # fmt: skip
            B += used * C * size
        q = 0
        for s in range(samples):
            for y in range(row, row + rows):
                for x in range(along):
                    at = ((sample + s) * height + 2 * y) * line + 2 * x * pixel
                    _back_squares(
                        source, back + q * used * size, line, pixel,
                        target.ctypes.data + at + p * 2 * lanes * size, apart,
                        used // lanes, biases + p * 2 * lanes * size, np.int64(2 * y + 1 < height),
                        np.int64(2 * x + 1 < width), relu,
                    )  # fmt: skip
                    q += 1


# Arguments of a job: the plan, source, packed weights, target, scratch memory, its flags, relu;
# the numbers of elements of source, packed weights and target, and the rows of the target.


@tiles_by_size
def _winograd_job(args, i):
    plan = numbers_at(number(args, 0), w.P_END)
    offsets = numbers_at(number(args, 0) + 8 * plan[w.P_OFFSETS], 1)
    source = array(args, 1, 0, number(args, 7))
    packed = array(args, 2, 0, number(args, 8))
    target = array(args, 3, 0, number(args, 9))
    jobs, share, parts = plan[w.P_JOBS], plan[w.P_SHARE], plan[w.P_PARTS]
    job, which = i // share, i % share
    low, high = which * plan[w.P_PANELS] // share, (which + 1) * plan[w.P_PANELS] // share
    slot = take_slot(number(args, 5), plan[w.P_SLOTS])
    scratch = number(args, 4) + slot * plan[w.P_BYTES]
    table = scratch + plan[w.P_COPY]
    for part in range(job * parts // jobs, (job + 1) * parts // jobs):
        _part(
            plan, offsets, source, packed, target, scratch, table, number(args, 10),
            number(args, 6), part, low, high,
        )  # fmt: skip
    free_slot(number(args, 5), slot)


# Arguments: weights, transformed weights, biases or 0, the plan, distances in the weights of a
# column, a channel and a tap (which may be negative), and of the first tap; numbers of elements;
# channels of a tile; a factor for each column.


@tiles_by_size
def _transform_job(args, i):
    plan = numbers_at(number(args, 3), w.P_END)
    channels, columns = plan[w.P_SC], plan[w.P_COLUMNS]
    W = array(args, 0, 0, number(args, 8))
    packed = array(args, 1, 0, number(args, 9))
    column, channel, tap = number(args, 4), number(args, 5), number(args, 6)
    most = 2 * REGISTER // W.itemsize
    half = W.dtype.type(0.5)
    each = number(args, 10)
    scale = array(args, 11, 0, columns)
    for c in range(i * each, min((i + 1) * each, channels)):
        for o in range(columns):
            p = o // most
            width = min(most, columns - p * most)
            to = 16 * p * most * channels + c * width + o % most
            at = number(args, 7) + o * column + c * channel
            for r in range(4):
                # Row r of G g.
                if r == 0:
                    x, y, z = W[at], W[at + tap], W[at + 2 * tap]
                elif r == 3:
                    x, y, z = W[at + 6 * tap], W[at + 7 * tap], W[at + 8 * tap]
                else:
                    sign = half if r == 1 else -half
                    x = half * (W[at] + W[at + 6 * tap]) + sign * W[at + 3 * tap]
                    y = half * (W[at + tap] + W[at + 7 * tap]) + sign * W[at + 4 * tap]
                    z = half * (W[at + 2 * tap] + W[at + 8 * tap]) + sign * W[at + 5 * tap]
                x, y, z = x * scale[o], y * scale[o], z * scale[o]
                here = to + 4 * r * channels * width
                packed[here] = x
                packed[here + channels * width] = half * (x + z) + half * y
                packed[here + 2 * channels * width] = half * (x + z) - half * y
                packed[here + 3 * channels * width] = z
    if i == 0:
        start = 16 * columns * channels
        for o in range(columns):
            packed[start + o] = 0
        if number(args, 2):
            bias = array(args, 2, 0, columns)
            for o in range(columns):
                packed[start + o] = bias[o]
        for o in range(most):
            packed[start + columns + o] = 0


@kernel
def _run(
    board, threads, transform, job, jobs, plan, steps, W, scale, bias, packed, source, target,
    height, scratch, flags, relu,
):  # fmt: skip
    args = np.empty(12, np.int64)
    args[0], args[1], args[2] = W.ctypes.data, packed.ctypes.data, bias
    args[3] = plan.ctypes.data
    args[4], args[5], args[6], args[7] = steps
    args[8], args[9] = W.size, packed.size
    tiles = min(2 * threads, plan[w.P_SC])
    args[10] = (plan[w.P_SC] + tiles - 1) // tiles
    args[11] = scale.ctypes.data
    run_tiles(board, threads, transform, args.ctypes.data, tiles)
    for slot in range(plan[w.P_SLOTS]):
        store(flags + SLOT * slot, 0)
    args[0], args[1], args[2] = plan.ctypes.data, source.ctypes.data, packed.ctypes.data
    args[3], args[4], args[5], args[6] = target.ctypes.data, scratch.ctypes.data, flags, relu
    args[7], args[8], args[9], args[10] = source.size, packed.size, target.size, height
    run_tiles(board, threads, job, args.ctypes.data, jobs)


def winograd(
    board, threads, plan, steps, W, scale, bias, packed, source, target, height, scratch, relu
):
    """Convolve with 3x3 taps: `plan` from `winograd_plan`; all arrays flat.

    `steps`: the distances in W of a column, a channel, a tap and the first tap. `scale`: a factor
    of each column. `height`: rows of the target. `scratch`: bytes, the flags of the slots in front.
    """
    address = scratch.ctypes.data
    flags = -(-address // 64) * 64
    memory = scratch[flags - address + SLOT * threads :]
    _run(
        board, threads, _transform_job[W.itemsize].address, _winograd_job[W.itemsize].address,
        plan.jobs, plan.numbers, steps, W, scale, 0 if bias is None else bias.ctypes.data, packed,
        source, target, height, memory, flags, relu,
    )  # fmt: skip
