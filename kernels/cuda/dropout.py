"""Launch of dropout.cu."""

from __future__ import annotations

from typing import Any

from ..reference.dropout import threshold_and_scale
from .launch import BLOCK, Source, blocks_for

__all__ = ["dropout"]

SOURCE = Source("dropout.cu", "philox.cuh")


def dropout(X: Any, p: float, state: Any, offset: int, Y: Any) -> None:
    n = X.size
    if n:
        threshold, scale = threshold_and_scale(p)
        grid = blocks_for(-(-n // 4))
        SOURCE("dropout", X.dtype, grid, BLOCK, X, threshold, scale, state, offset, n, Y)
