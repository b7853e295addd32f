"""Launches of depthwise.cu."""

from __future__ import annotations

from typing import Any

from .im2col import grid_of_rows
from .launch import COLUMNS_BLOCK, Source, columns_grid

__all__ = ["depthwise_backward_input", "depthwise_backward_weight", "depthwise_forward"]

SOURCE = Source("depthwise.cu", "columns.cuh", "activate.cuh")

Three = tuple[int, int, int]


def depthwise_forward(
    X: Any,
    W: Any,
    bias: Any,
    Y: Any,
    stride: Three,
    padding: Three,
    dilation: Three,
    act: int,
) -> None:
    if Y.size:
        C, F = X.shape[4], W.shape[3]
        places = Y.size // F
        grid, block = grid_of_rows(places, F)
        SOURCE(
            "depthwise_forward", X.dtype, grid, block,
            X, W, W if bias is None else bias, bias is not None, places, *X.shape[1:], F // C,
            *W.shape[:3], *Y.shape[1:4], *stride, *padding, *dilation, act, Y,
        )  # fmt: skip


def depthwise_backward_input(
    dY: Any, W: Any, dX: Any, stride: Three, padding: Three, dilation: Three
) -> None:
    if dX.size:
        C, F = dX.shape[4], W.shape[3]
        pixels = dX.size // C
        grid, block = grid_of_rows(pixels, C)
        SOURCE(
            "depthwise_backward_input", dY.dtype, grid, block,
            dY, W, pixels, *dX.shape[1:], F // C, *W.shape[:3], *dY.shape[1:4],
            *stride, *padding, *dilation, dX,
        )  # fmt: skip


def depthwise_backward_weight(
    X: Any, dY: Any, dW: Any, stride: Three, padding: Three, dilation: Three
) -> None:
    import cupy

    if not dW.size:
        return
    C, F = X.shape[4], dW.shape[3]
    places, taps = dY.size // F, dW.size // F
    (across, slices), chunk = columns_grid(places, F)
    partial = dW if slices == 1 else cupy.empty((taps, slices, F), dY.dtype)
    SOURCE(
        "depthwise_backward_weight", dY.dtype, (across, slices, taps), COLUMNS_BLOCK,
        X, dY, places, *X.shape[1:], F // C, *dW.shape[1:3], *dY.shape[1:4],
        *stride, *padding, *dilation, chunk, partial,
    )  # fmt: skip
    if slices > 1:
        SOURCE("depthwise_totals", dY.dtype, (across, taps), COLUMNS_BLOCK, partial, slices, F, dW)
