"""Launches of activation.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for

__all__ = ["activation_backward", "activation_forward", "bias_act_backward", "bias_act_forward"]

SOURCE = Source("activation.cu")


def bias_act_forward(Z: Any, b: Any, act: int, Y: Any) -> None:
    size = Z.size
    if size:
        SOURCE("bias_act_forward", Z.dtype, blocks_for(size), BLOCK, Z, b, act, size, Z.shape[1], Y)


def bias_act_backward(dY: Any, Y: Any, act: int, dZ: Any, db: Any) -> None:
    M, N = dY.shape
    if N:
        SOURCE("bias_act_backward", dY.dtype, -(-N // 32), (32, 8), dY, Y, act, M, N, dZ, db)


def activation_forward(X: Any, act: int, a: float, b: float, Y: Any) -> None:
    n = X.size
    if n:
        SOURCE("activation_forward", X.dtype, blocks_for(n), BLOCK, X, act, a, b, n, Y)


def activation_backward(dY: Any, S: Any, act: int, a: float, b: float, dX: Any) -> None:
    n = dY.size
    if n:
        SOURCE("activation_backward", dY.dtype, blocks_for(n), BLOCK, dY, S, act, a, b, n, dX)
