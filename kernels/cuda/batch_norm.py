"""Launches of batch_norm.cu."""

from __future__ import annotations

from typing import Any

from .launch import COLUMNS_BLOCK, Source, columns_grid, optional, scratch

__all__ = ["batch_norm_backward", "batch_norm_forward", "batch_norm_infer"]

SOURCE = Source("batch_norm.cu", "columns.cuh")


def batch_norm_forward(
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    count: Any,
    momentum: float,
    eps: float,
    act: int,
    Y: Any,
    mean: Any,
    rstd: Any,
) -> None:
    M, C = X.shape
    grid, chunk = columns_grid(M, C)
    partial = scratch((3, grid[1], C), X.dtype)
    counted, count = count is not None, scratch((), "int64") if count is None else count
    SOURCE("column_moments", X.dtype, grid, COLUMNS_BLOCK, X, M, C, chunk, partial)
    SOURCE(
        "batch_norm_statistics", X.dtype, grid[0], COLUMNS_BLOCK,
        partial, grid[1], M, C, eps, count, momentum,
        mean if running_mean is None else running_mean, *optional(running_var, rstd), mean, rstd,
    )  # fmt: skip
    SOURCE(
        "batch_norm_apply", X.dtype, grid, COLUMNS_BLOCK,
        X, mean, rstd, False, eps, *optional(weight, X), *optional(bias, X), M, C, chunk,
        count, counted, act, Y,
    )  # fmt: skip


def batch_norm_infer(
    X: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, act: int, Y: Any
) -> None:
    M, C = X.shape
    if X.size:
        grid, chunk = columns_grid(M, C)
        SOURCE(
            "batch_norm_apply", X.dtype, grid, COLUMNS_BLOCK,
            X, mean, var, True, eps, *optional(weight, X), *optional(bias, X), M, C, chunk,
            scratch((), "int64"), False, act, Y,
        )  # fmt: skip


def batch_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    rstd: Any,
    training: bool,
    act: int,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    M, C = dY.shape
    grid, chunk = columns_grid(M, C)
    partial = scratch((2, grid[1], C), dY.dtype)
    vectors = (mean, rstd, *optional(weight, mean), *optional(bias, mean), act)
    SOURCE("batch_norm_sums", dY.dtype, grid, COLUMNS_BLOCK, dY, X, *vectors, M, C, chunk, partial)
    SOURCE(
        "batch_norm_totals", dY.dtype, grid[0], COLUMNS_BLOCK,
        partial, grid[1], C, dweight, dbias,
    )  # fmt: skip
    if dY.size:
        SOURCE(
            "batch_norm_dx", dY.dtype, grid, COLUMNS_BLOCK,
            dY, X, *vectors, training, dweight, dbias, M, C, chunk, dX,
        )  # fmt: skip
