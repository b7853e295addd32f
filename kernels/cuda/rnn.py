"""Launches of rnn.cu, one a step, between cuBLAS's products with the recurrent weights."""

from __future__ import annotations

from typing import Any

from ..reference._steps import steps
from .launch import BLOCK, Source, blocks_for, scratch
from .product import dot

__all__ = ["rnn_backward", "rnn_forward"]

SOURCE = Source("rnn.cu")


def rnn_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    relu: bool,
    h: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    Y: Any,
) -> None:
    H = h.shape[1]
    R = scratch(h.shape, h.dtype)
    for offset, n, _, _ in steps(sizes, reverse):
        dot(h[:n], W_hh.T, R[:n])
        args = (G, R, b_ih, b_hh, relu, offset, n, H, h, Hprev, Y)
        SOURCE("rnn_step_forward", h.dtype, blocks_for(n * H), BLOCK, *args)


def rnn_backward(
    Y: Any,
    dY: Any,
    W_hh: Any,
    relu: bool,
    dh: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
) -> None:
    H = dh.shape[1]
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        args = (Y, dY, dh, relu, offset, n, H, dG)
        SOURCE("rnn_step_backward", dh.dtype, blocks_for(n * H), BLOCK, *args)
        dot(dG[offset : offset + n], W_hh, dh[:n])
