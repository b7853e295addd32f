"""Launches of random.cu."""

from __future__ import annotations

from typing import Any

import numpy as np

from .launch import BLOCK, Source, blocks_for

__all__ = ["philox_bits", "philox_integers", "philox_normal", "philox_uniform"]

SOURCE = Source("random.cu", "philox.cuh")
_FLOAT = np.dtype(np.float32)


def philox_bits(out: Any, state: Any, offset: int) -> None:
    n = out.size
    if n:
        SOURCE("philox_bits", _FLOAT, blocks_for(-(-n // 4)), BLOCK, out, n, state, offset)


def philox_uniform(out: Any, low: float, high: float, state: Any, offset: int) -> None:
    _real("philox_uniform", out, low, high - low, state, offset)


def philox_normal(out: Any, mean: float, std: float, state: Any, offset: int) -> None:
    _real("philox_normal", out, mean, std, state, offset)


def _real(name: str, out: Any, a: float, b: float, state: Any, offset: int) -> None:
    n = out.size
    if n:
        grid = blocks_for(-(-n * out.itemsize // 16))
        SOURCE(name, out.dtype, grid, BLOCK, out, n, a, b, state, offset)


def philox_integers(out: Any, low: int, high: int, state: Any, offset: int) -> None:
    n = out.size
    if n:
        grid = blocks_for(-(-n // 2))
        width = high - low
        SOURCE("philox_integers", _FLOAT, grid, BLOCK, out, n, low, width, state, offset)
