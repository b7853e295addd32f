"""What the tiles of all convolutions share: their part, scratch memory, a copy of the source."""

from __future__ import annotations

import numba
from numba.extending import overload

from . import _windows as w
from ._atomic import copy_bytes, fetch_add, float32_pointer, float64_pointer
from ._compile import kernel
from ._products import int64_pointer

__all__ = ["SLOT", "copy_part", "free_slot", "like", "numbers_at", "part_of", "take_slot"]

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
def part_of(plan, index):
    """What tile `index` computes: first sample, samples, plane of the target, first row, rows.

    Some whole samples, or some rows of one plane of one sample.
    """
    samples, rows = plan[w.P_SAMPLES], plan[w.P_ROWS]
    if samples > 1:
        sample = index * samples
        return sample, min(samples, plan[w.P_N] - sample), 0, 0, rows
    down = plan[w.P_JH]
    parts = (down + rows - 1) // rows
    row = index % parts * rows
    plane = index // parts
    return plane // plan[w.P_JD], samples, plane % plan[w.P_JD], row, min(rows, down - row)


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


def like(array, address, n):
    """n elements of the dtype of `array` at `address`."""
    raise NotImplementedError("compiled only")


@overload(like)
def _typed(array, address, n):
    pointer = float32_pointer if array.dtype.bitwidth == 32 else float64_pointer
    return lambda array, address, n: numba.carray(pointer(address), (n,))
