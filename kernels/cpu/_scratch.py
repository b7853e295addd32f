"""Memory that kernels need while they run, kept from call to call."""

from __future__ import annotations

import numpy as np

__all__ = ["Scratch"]


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

    def give_back(self, block: np.ndarray) -> None:
        """Keep `block` for the next call."""
        self._free.append(block)
