"""Launches of embedding.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, COLUMNS_BLOCK, Source, blocks_for

__all__ = ["embedding_backward", "embedding_forward"]

SOURCE = Source("embedding.cu", "columns.cuh")

#: Blocks that the positions are cut into, where the table alone does not make as many.
_BLOCKS = 132 * 4


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
        across = -(-D // 32)
        slices = max(1, min(_BLOCKS // (V * across), indices.size // (128 * V)))
        partial = dW if slices == 1 else cupy.empty((slices, V, D), dY.dtype)
        args = (dY, order, starts, D, partial)
        SOURCE("embedding_backward", dY.dtype, (V, across, slices), COLUMNS_BLOCK, *args)
        if slices > 1:
            grid = -(-V * D // 32)
            SOURCE("embedding_totals", dY.dtype, grid, COLUMNS_BLOCK, partial, slices, V * D, dW)
