"""Launches of optimizer.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for

__all__ = [
    "adam_step",
    "amsgrad_step",
    "clip_scale",
    "sgd_momentum_step",
    "sgd_step",
    "sum_of_squares",
]

SOURCE = Source("optimizer.cu")

#: Blocks at most for the first stage of a sum: what one block can then add up in a few rounds.
MOST_PARTIALS = 1024


def sgd_step(P: Any, G: Any, hyper: Any, decay: int, maximize: int) -> None:
    N = P.size
    SOURCE("sgd_step", P.dtype, blocks_for(N), BLOCK, P, G, N, hyper, decay, maximize)


def sgd_momentum_step(
    P: Any, G: Any, B: Any, count: Any, hyper: Any, nesterov: int, decay: int, maximize: int
) -> None:
    N = P.size
    args = (P, G, B, N, count, hyper, nesterov, decay, maximize)
    SOURCE("sgd_momentum_step", P.dtype, blocks_for(N), BLOCK, *args)


def adam_step(
    P: Any, G: Any, M: Any, V: Any, count: Any, hyper: Any, decay: int, maximize: int
) -> None:
    N = P.size
    args = (P, G, M, V, N, count, hyper, decay, maximize)
    SOURCE("adam_step", P.dtype, blocks_for(N), BLOCK, *args)


def amsgrad_step(
    P: Any, G: Any, M: Any, V: Any, V_max: Any, count: Any, hyper: Any, decay: int, maximize: int
) -> None:
    N = P.size
    args = (P, G, M, V, V_max, N, count, hyper, decay, maximize)
    SOURCE("amsgrad_step", P.dtype, blocks_for(N), BLOCK, *args)


def sum_of_squares(X: Any, total: Any) -> None:
    import cupy

    blocks = min(blocks_for(X.size), MOST_PARTIALS)
    partial = cupy.empty((blocks,), "float64")
    SOURCE("sum_of_squares", X.dtype, blocks, BLOCK, X, X.size, partial)
    SOURCE("sum_of_partials", X.dtype, 1, BLOCK, partial, blocks, total)


def clip_scale(X: Any, norm: Any, max_norm: float) -> None:
    SOURCE("clip_scale", X.dtype, blocks_for(X.size), BLOCK, X, X.size, norm, max_norm)
