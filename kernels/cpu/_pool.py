"""What the pooling kernels share: how windows lie along an axis, and the team's work.

Forward passes go by rows of windows, backward passes by rows of the image. The backward passes
gather: each element asks the windows that it lies in, in their order, so that no two threads
write to one place and the sums do not depend on who ran what.
"""

from __future__ import annotations

import numpy as np

from ._compile import kernel
from .team import number, run_tiles, team

#: Elements of the image from which the work is shared.
_SHARED = 1 << 14

# Arguments of the jobs: rows, rows of a tile, the addresses of the image, of the pooled image and
# of the taps; N D H W C, OD OH OW, three numbers each of kernel, stride, padding and dilation; for
# averages include_pad and the divisor.
AT_N, AT_D, AT_C, AT_OD = 5, 6, 9, 10
AT_KD, AT_SD, AT_PD, AT_ED = 13, 16, 19, 22
AT_PAD, AT_DIVISOR = 25, 26


@kernel
def triple(args, at):
    """Three numbers, of depth, height and width."""
    return number(args, at), number(args, at + 1), number(args, at + 2)


@kernel
def axis_taps(args, axis, o):
    """For window o of an axis: its first position, and its taps inside the image, low to high."""
    start = o * number(args, AT_SD + axis) - number(args, AT_PD + axis)
    low, high = max(0, -start), max(0, number(args, AT_D + axis) - start)
    step = number(args, AT_ED + axis)
    if step > 1:  # divisions take longer than all else here
        low, high = (low + step - 1) // step, (high + step - 1) // step
    return start, low, min(number(args, AT_KD + axis), high)


@kernel
def axis_windows(args, axis, x):
    """The windows of an axis that may hold position x, first to last."""
    at, stride = x + number(args, AT_PD + axis), number(args, AT_SD + axis)
    reach = (number(args, AT_KD + axis) - 1) * number(args, AT_ED + axis)
    first = (max(0, at - reach) + stride - 1) // stride
    return first, min(number(args, AT_OD + axis) - 1, at // stride)


@kernel
def next_windows(args, w, first, last):
    """The windows of width that may hold position w, from those of the position before.

    The last one may be behind the last there is.
    """
    at, stride = w + number(args, AT_PD + 2), number(args, AT_SD + 2)
    before = at - (number(args, AT_KD + 2) - 1) * number(args, AT_ED + 2)
    while first * stride < before:
        first += 1
    while (last + 1) * stride <= at:
        last += 1
    return first, last


@kernel
def rows_of(args, i):
    """First and last row of tile i."""
    low = i * number(args, 1)
    return low, min(number(args, 0), low + number(args, 1))


@kernel
def image_size(args):
    rows = number(args, AT_N) * number(args, AT_D) * number(args, AT_D + 1)
    return rows * number(args, AT_D + 2) * number(args, AT_C)


@kernel
def pooled_size(args):
    rows = number(args, AT_N) * number(args, AT_OD) * number(args, AT_OD + 1)
    return rows * number(args, AT_OD + 2) * number(args, AT_C)


def run(job, rows, image, pooled, taps, numbers):
    if not rows:
        return
    helpers = team()
    threads = helpers.threads if image.size >= _SHARED else 1
    if threads > 1:
        helpers.wake()
    # Several tiles for each thread, so that one that comes late leaves its share to the others.
    tiles = min(rows, 4 * threads) if threads > 1 else 1
    args = arguments(rows, -(-rows // tiles), image, pooled, taps, numbers)
    address = args.__array_interface__["data"][0]
    run_tiles(helpers.board, threads, job[image.itemsize].address, address, tiles)


def arguments(rows, per, image, pooled, taps, numbers):
    addresses = [a.__array_interface__["data"][0] for a in (image, pooled, taps)]
    shapes = (*image.shape, *pooled.shape[1:4])
    return np.array((rows, per, *addresses, *shapes, *numbers), np.int64)
