"""Launches of pointwise_loss.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for, rows_block

__all__ = ["pointwise_loss_backward", "pointwise_loss_forward"]

SOURCE = Source("pointwise_loss.cu")

#: Partial sums at most.
_MOST_PARTS = 1024


def pointwise_loss_forward(
    X: Any, T: Any, kind: int, delta: float, scale: float, L: Any, total: Any
) -> None:
    import cupy

    n = X.size
    blocks = min(blocks_for(n), _MOST_PARTS)
    # A single block's sum is the total.
    partial = total if blocks == 1 and total is not None else cupy.empty((blocks,), X.dtype)
    each = L is not None
    SOURCE(
        "pointwise_loss_forward", X.dtype, blocks, BLOCK,
        X, T, kind, delta, scale, n, L if each else partial, each, partial,
    )  # fmt: skip
    if total is not None and partial is not total:
        SOURCE("total_of", X.dtype, 1, rows_block(blocks), partial, blocks, total)


def pointwise_loss_backward(
    X: Any, T: Any, kind: int, delta: float, scale: float, dL: Any, dX: Any
) -> None:
    n = X.size
    if n:
        SOURCE(
            "pointwise_loss_backward", X.dtype, blocks_for(n), BLOCK,
            X, T, kind, delta, scale, dL, dL.size > 1, n, dX,
        )  # fmt: skip
