"""Launches of lstm.cu, one a step, between cuBLAS's products with the recurrent weights."""

from __future__ import annotations

from typing import Any

from ..reference._steps import steps
from .launch import BLOCK, Source, blocks_for, scratch
from .product import dot

__all__ = ["lstm_backward", "lstm_forward"]

SOURCE = Source("lstm.cu", "gates.cuh")


def lstm_forward(
    G: Any,
    W_hh: Any,
    b_ih: Any,
    b_hh: Any,
    W_hr: Any,
    h: Any,
    c: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    Hprev: Any,
    Cprev: Any,
    S: Any,
    Y: Any,
) -> None:
    N, H = c.shape
    projected = W_hr is not None
    R = scratch((N, 4 * H), G.dtype)
    raw = scratch((N, H), G.dtype) if projected else h
    for offset, n, _, _ in steps(sizes, reverse):
        dot(h[:n], W_hh.T, R[:n])
        args = (G, R, b_ih, b_hh, projected, offset, n, H, h, c, Hprev, Cprev, S, Y, raw)
        SOURCE("lstm_step_forward", G.dtype, blocks_for(n * H), BLOCK, *args)
        if projected:
            rows = slice(offset, offset + n)
            Hprev[rows] = h[:n]
            h[:n] = dot(raw[:n], W_hr.T, Y[rows])


def lstm_backward(
    G: Any,
    dY: Any,
    W_hh: Any,
    W_hr: Any,
    Cprev: Any,
    S: Any,
    dh: Any,
    dc: Any,
    sizes: tuple[int, ...],
    reverse: bool,
    dG: Any,
    dP: Any,
) -> None:
    import cupy

    N, H = dc.shape
    projected = W_hr is not None
    d = scratch((N, H), G.dtype) if projected else dh
    for offset, n, _, _ in reversed(steps(sizes, reverse)):
        rows = slice(offset, offset + n)
        if projected:
            dot(cupy.add(dY[rows], dh[:n], dP[rows]), W_hr, d[:n])
        args = (G, dY, Cprev, S, d, projected, offset, n, H, dc, dG)
        SOURCE("lstm_step_backward", G.dtype, blocks_for(n * H), BLOCK, *args)
        dot(dG[rows], W_hh, dh[:n])
