"""Launch of transpose.cu."""

from __future__ import annotations

from typing import Any

from .launch import COLUMNS_BLOCK, Source, blocks_for

__all__ = ["transpose_matrices"]

SOURCE = Source("transpose.cu")


def transpose_matrices(X: Any, Y: Any) -> None:
    N, rows, columns = X.shape
    squares = N * -(-rows // 32) * -(-columns // 32)
    if squares:
        grid = blocks_for(squares, 1)
        SOURCE("transpose_matrices", X.dtype, grid, COLUMNS_BLOCK, X, squares, rows, columns, Y)
