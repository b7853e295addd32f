"""Launches of gru.cu, one a step, between cuBLAS's products with the recurrent weights."""

from __future__ import annotations

from typing import Any

from ..reference._steps import steps
from .launch import BLOCK, Source, blocks_for, scratch
from .product import dot

__all__ = ["gru_backward", "gru_forward"]

SOURCE = Source("gru.cu", "gates.cuh")


def gru_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    h: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    M: Any,
    Y: Any,
) -> None:
    N, H = h.shape
    R = scratch((N, 3 * H), G.dtype)
    for offset, n, _, _ in steps(sizes, reverse):
        dot(h[:n], W_hh.T, R[:n])
        args = (G, R, b_ih, b_hh, offset, n, H, h, Hprev, M, Y)
        SOURCE("gru_step_forward", G.dtype, blocks_for(n * H), BLOCK, *args)


def gru_backward(
    G: Any,
    dY: Any,
    W_hh: Any,
    Hprev: Any,
    M: Any,
    dh: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
    dK: Any,
) -> None:
    N, H = dh.shape
    R = scratch((N, H), G.dtype)
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        args = (G, dY, Hprev, M, offset, n, H, dh, dG, dK)
        SOURCE("gru_step_backward", G.dtype, blocks_for(n * H), BLOCK, *args)
        dh[:n] += dot(dK[offset : offset + n], W_hh, R[:n])
