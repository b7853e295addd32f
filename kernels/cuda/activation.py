"""Launches of activation.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, COLUMNS_BLOCK, Source, blocks_for, columns_grid

__all__ = [
    "activation_backward",
    "activation_forward",
    "bias_act_backward",
    "bias_act_forward",
    "layer_forward",
]

SOURCE = Source("activation.cu", "columns.cuh", "activate.cuh")


def bias_act_forward(Z: Any, b: Any, act: int, Y: Any) -> None:
    size = Z.size
    if size:
        SOURCE("bias_act_forward", Z.dtype, blocks_for(size), BLOCK, Z, b, act, size, Z.shape[1], Y)


def bias_act_backward(dY: Any, Y: Any, act: int, dZ: Any, db: Any) -> None:
    import cupy

    M, N = dY.shape
    if N:
        grid, chunk = columns_grid(M, N, least=128)
        across, slices = grid
        # A single slice's sum is the total.
        partial = db if slices == 1 else cupy.empty((slices, N), dY.dtype)
        args = (dY, Y, act, M, N, chunk, dZ, partial)
        SOURCE("bias_act_backward", dY.dtype, grid, COLUMNS_BLOCK, *args)
        if slices > 1:
            SOURCE("bias_totals", dY.dtype, across, COLUMNS_BLOCK, partial, slices, N, db)


def layer_forward(Z: Any, b: Any, act: int, A: Any) -> None:
    size = Z.size
    if size:
        SOURCE("layer_forward", Z.dtype, blocks_for(size), BLOCK, Z, b, act, size, Z.shape[1], A)


def activation_forward(X: Any, act: int, a: float, b: float, Y: Any) -> None:
    n = X.size
    if n:
        SOURCE("activation_forward", X.dtype, blocks_for(n), BLOCK, X, act, a, b, n, Y)


def activation_backward(dY: Any, S: Any, act: int, a: float, b: float, dX: Any) -> None:
    n = dY.size
    if n:
        SOURCE("activation_backward", dY.dtype, blocks_for(n), BLOCK, dY, S, act, a, b, n, dX)
