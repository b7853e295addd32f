"""A pool of host memory, so that a training step takes no fresh pages from the system.

A NumPy array of some hundred kilobytes is memory that the C library maps anew, and the kernel
zeroes it page by page at the first touch: for the arrays of a training step this costs about as
much as computing them. The pool keeps such blocks when their last array is gone and hands them
out again, as CuPy's pool does on the GPU.

    pool.empty((1024, 128), float32)
      -> view -> Block (flat, knows its pool) -> _Memory (owns the bytes)
         the view dies, then the block: the memory goes back to the pool
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

__all__ = ["HostPool", "apart", "axes_in_memory"]

#: Bytes of a cache line, which blocks begin with: a vector register reads one, not parts of two.
_LINE = 64

#: Below this, the C library's own free lists serve without new pages.
SMALLEST = 64 * 1024
#: Block sizes are rounded up to this, so that nearly equal shapes share blocks.
GRANULE = 16 * 1024


class _Memory(np.ndarray):
    """The memory itself. A class of its own, because NumPy lets a view's base skip the arrays
    between it and the owner of the memory, but not across a change of class: so a view of a
    block, and every view of such a view, holds the block."""


class Block(np.ndarray):
    """One lending of some memory, which goes back to the pool when the last view is gone."""

    pool: HostPool | None = None

    def __del__(self) -> None:
        pool = self.pool
        if pool is not None:
            pool._take_back(self)


def apart(array: np.ndarray) -> np.ndarray:
    """The memory of `array`, which has no gaps, as an array that is the base of its views.

    Views of an ordinary view have the owner of the memory as their base.
    """
    block = array.ravel("K").view(_Memory).view(Block)
    return np.ndarray(array.shape, array.dtype, block, 0, array.strides)


def axes_in_memory(array: Any) -> tuple[list[int], list[int]]:
    """The axes of `array` by falling stride, NumPy's order "K", and the order that undoes that."""
    strides = array.strides
    axes = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
    return axes, sorted(range(len(strides)), key=axes.__getitem__)


class HostPool:
    """Recycles the memory of NumPy arrays, by default of those of 64 KiB and more.

    Parameters
    ----------
    limit : int
        Bytes of unused blocks kept at most; what comes back beyond it is freed.
    smallest : int
        Bytes from which an array has a block of the pool.
    granule : int
        Block sizes are rounded up to a multiple of it.
    """

    def __init__(self, limit: int = 1 << 30, *, smallest: int = SMALLEST, granule: int = GRANULE):
        self.limit = limit
        self.smallest = smallest
        self.granule = granule
        self.used_bytes = 0
        self.free_bytes = 0
        self.peak_bytes = 0
        self._free: defaultdict[int, list[_Memory]] = defaultdict(list)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An uninitialised C-contiguous array, from a recycled block where there is one."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if size < self.smallest:
            return np.empty(shape, dtype)
        size = -(-size // self.granule) * self.granule
        free = self._free[size]
        try:
            memory = free.pop()
            self.free_bytes -= size
        except IndexError:
            memory = _Memory(size + _LINE, np.uint8)
            skip = -memory.__array_interface__["data"][0] % _LINE
            memory = memory[skip : skip + size]  # type: ignore[assignment]
        block = memory.view(Block)
        block.pool = self
        self.used_bytes += size
        if self.used_bytes > self.peak_bytes:
            self.peak_bytes = self.used_bytes
        return np.ndarray(shape, dtype, block)

    def like(self, array: np.ndarray) -> np.ndarray:
        """`empty` with the shape, dtype and memory order of `array`."""
        if array.flags.c_contiguous:
            return self.empty(array.shape, array.dtype)
        axes, back = axes_in_memory(array)
        return self.empty(tuple([array.shape[i] for i in axes]), array.dtype).transpose(back)

    def _take_back(self, block: Block) -> None:
        size = block.nbytes
        self.used_bytes -= size
        if self.free_bytes + size <= self.limit:
            self._free[size].append(block.base)  # type: ignore[arg-type]
            self.free_bytes += size

    def free_all_blocks(self) -> None:
        """Give the unused blocks back to the system."""
        self._free.clear()
        self.free_bytes = 0

    def reset_peak(self) -> None:
        """Start a new measurement of ``peak_bytes`` from what is in use now."""
        self.peak_bytes = self.used_bytes
