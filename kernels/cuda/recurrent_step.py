"""The launch of recurrent_step.cu, after cuBLAS's products with input and state."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for, scratch
from .product import dot

__all__ = ["recurrent_step"]

SOURCE = Source("recurrent_step.cu", "gates.cuh")


def recurrent_step(
    W_hh: Any,
    h: Any,
    W_ih: Any,
    X: Any,
    b_ih: Any,
    b_hh: Any,
    c: Any,
    kind: int,
    Y: Any,
    C: Any,
) -> None:
    N, H = h.shape
    if not h.size:
        return
    Z, U = (scratch((N, W_hh.shape[0]), X.dtype) for _ in range(2))
    dot(X, W_ih.T, Z)
    dot(h, W_hh.T, U)
    args = (Z, U, b_ih, b_hh, h, c, kind, N, H, Y, C)
    SOURCE("recurrent_step", h.dtype, blocks_for(N * H), BLOCK, *args)
