"""Launches of group_norm.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, COLUMNS_BLOCK, Source, blocks_for, optional, scratch

__all__ = ["group_norm_backward", "group_norm_forward"]

SOURCE = Source("group_norm.cu", "columns.cuh")

#: The second length of a grid is at most 65,535.
_MOST = 1 << 15


def group_norm_forward(
    X: Any, weight: Any, bias: Any, groups: int, eps: float, Y: Any, mean: Any, rstd: Any
) -> None:
    N, S, C = X.shape
    width = C // groups
    if not N:
        return
    partial = scratch((2, N, C), X.dtype)
    grid = (-(-C // COLUMNS_BLOCK[0]), min(N, _MOST))
    SOURCE("channel_moments", X.dtype, grid, COLUMNS_BLOCK, X, N, S, C, partial)
    SOURCE(
        "group_moments", X.dtype, blocks_for(N * groups), BLOCK,
        partial, N, S, C, width, eps, mean, rstd,
    )  # fmt: skip
    SOURCE(
        "group_norm_apply", X.dtype, blocks_for(X.size), BLOCK,
        X, mean, rstd, *optional(weight, X), *optional(bias, X), N, S, C, width, Y,
    )  # fmt: skip


def group_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    groups: int,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    N, S, C = X.shape
    width = C // groups
    partial, terms = scratch((2, N, C), X.dtype), scratch((2, N, groups), X.dtype)
    across = -(-C // COLUMNS_BLOCK[0])
    if N:
        SOURCE(
            "channel_sums", X.dtype, (across, min(N, _MOST)), COLUMNS_BLOCK,
            dY, X, mean, rstd, N, S, C, width, partial,
        )  # fmt: skip
        SOURCE(
            "group_terms", X.dtype, blocks_for(N * groups), BLOCK,
            partial, *optional(weight, X), N, S, C, width, terms,
        )  # fmt: skip
        SOURCE(
            "group_norm_dx", X.dtype, blocks_for(X.size), BLOCK,
            dY, X, mean, rstd, *optional(weight, X), terms, N, S, C, width, dX,
        )  # fmt: skip
    SOURCE("channel_totals", X.dtype, across, COLUMNS_BLOCK, partial, N, C, dweight, dbias)
