"""``cupy.cuda.memory``: the out-of-memory error and the pool's types."""

from .._memory import MemoryPointer, MemoryPool, PinnedMemoryPointer

__all__ = ["MemoryPointer", "MemoryPool", "OutOfMemoryError", "PinnedMemoryPointer"]


class OutOfMemoryError(MemoryError):
    """As CuPy words it: what was asked and what is held."""

    def __init__(self, size, total, limit=0):
        self._size, self._total, self._limit = size, total, limit
        text = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(text + (f", limit set to: {limit:,} bytes)." if limit else ")."))
