"""``cupy.cuda.memory``: the out-of-memory error and the pool's types."""

import numpy as np

from .._memory import MemoryPointer, MemoryPool

__all__ = ["MemoryPointer", "MemoryPool", "OutOfMemoryError", "PinnedMemoryPointer"]


class OutOfMemoryError(MemoryError):
    """As CuPy words it: what was asked and what is held."""

    def __init__(self, size, total, limit=0):
        self._size, self._total, self._limit = size, total, limit
        text = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(text + (f", limit set to: {limit:,} bytes)." if limit else ")."))


class PinnedMemoryPointer(bytearray):
    """Page-locked host memory: a buffer that NumPy can wrap, with an address."""

    @property
    def ptr(self):
        return np.frombuffer(self, np.uint8).ctypes.data

    def size(self):
        return len(self)
