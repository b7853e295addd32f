"""Memory that kernels need while they run, kept from call to call."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Scratch"]


class _Lent(np.ndarray):
    """A block while an array has it."""

    scratch: Scratch | None = None
    block: np.ndarray

    def __del__(self) -> None:
        if self.scratch is not None:
            self.scratch.give_back(self.block)


class Scratch:
    """Blocks of bytes, the largest of which are kept for the next call.

    A thread that computes beside another one gets a block of its own: taking one from the list
    and putting one back are atomic.
    """

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []

    def take(self, size: int) -> np.ndarray:
        """A block of at least `size` bytes."""
        try:
            block = self._free.pop()
        except IndexError:
            block = np.empty(0, np.uint8)
        return block if block.size >= size else np.empty(size, np.uint8)

    def array(self, size: int, dtype: Any) -> np.ndarray:
        """An uninitialised array of `size` elements, whose block comes back when it is dropped."""
        dtype = np.dtype(dtype)
        block = self.take(size * dtype.itemsize)
        lent = block.view(_Lent)
        lent.scratch, lent.block = self, block
        return np.ndarray((size,), dtype, lent)

    def give_back(self, block: np.ndarray) -> None:
        """Keep `block` for the next call."""
        self._free.append(block)
