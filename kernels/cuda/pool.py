"""Launches of pool.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for

__all__ = ["avg_pool_backward", "avg_pool_forward", "max_pool_backward", "max_pool_forward"]

SOURCE = Source("pool.cu")


def max_pool_forward(
    X: Any, Y: Any, taps: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    if Y.size:
        rows, block, numbers = _rows(Y, X, Y)
        name = "max_pool_forward_8" if taps.itemsize == 1 else "max_pool_forward_32"
        SOURCE(
            name, X.dtype, blocks_for(rows, 1), block,
            X, rows, *numbers, *kernel, *stride, *padding, *dilation, Y, taps,
        )  # fmt: skip


def max_pool_backward(
    dY: Any, taps: Any, dX: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    if dX.size:
        rows, block, numbers = _rows(dX, dX, dY)
        name = "max_pool_backward_8" if taps.itemsize == 1 else "max_pool_backward_32"
        SOURCE(
            name, dY.dtype, blocks_for(rows, 1), block,
            dY, taps, rows, *numbers, *kernel, *stride, *padding, *dilation, dX,
        )  # fmt: skip


def avg_pool_forward(
    X: Any, Y: Any, kernel: Any, stride: Any, padding: Any, include_pad: bool, divisor: int
) -> None:
    if Y.size:
        rows, block, numbers = _rows(Y, X, Y)
        SOURCE(
            "avg_pool_forward", X.dtype, blocks_for(rows, 1), block,
            X, rows, *numbers, *kernel, *stride, *padding, include_pad, divisor, Y,
        )  # fmt: skip


def avg_pool_backward(
    dY: Any, dX: Any, kernel: Any, stride: Any, padding: Any, include_pad: bool, divisor: int
) -> None:
    if dX.size:
        rows, block, numbers = _rows(dX, dX, dY)
        SOURCE(
            "avg_pool_backward", dY.dtype, blocks_for(rows, 1), block,
            dY, rows, *numbers, *kernel, *stride, *padding, include_pad, divisor, dX,
        )  # fmt: skip


def _rows(over: Any, image: Any, pooled: Any) -> tuple[int, int, tuple[int, ...]]:
    """The rows of `over`, threads for one of them, and the lengths D H W C OD OH OW."""
    N, D, H, W, C = over.shape
    block = min(BLOCK, -(-W * C // 32) * 32)
    return N * D * H, block, (*image.shape[1:], *pooled.shape[1:4])
