"""Launches of embedding.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for

__all__ = ["embedding_backward", "embedding_forward"]

SOURCE = Source("embedding.cu")


def embedding_forward(indices: Any, W: Any, Y: Any) -> None:
    size = Y.size
    if size:
        SOURCE(
            "embedding_forward", W.dtype, blocks_for(size), BLOCK,
            indices, W, *W.shape, size, Y,
        )  # fmt: skip


def embedding_backward(dY: Any, indices: Any, dW: Any) -> None:
    import cupy

    V, D = dW.shape
    if V and D:
        order = cupy.argsort(indices)  # stable in CuPy
        starts = cupy.searchsorted(indices[order], cupy.arange(V + 1))
        grid = (V, -(-D // 32))
        SOURCE("embedding_backward", dY.dtype, grid, (32, 8), dY, order, starts, D, dW)
