"""Launches of norm.cu."""

from __future__ import annotations

from typing import Any

from .launch import COLUMNS_BLOCK, Source, columns_grid, optional, rows_block, scratch

__all__ = [
    "layer_norm_backward",
    "layer_norm_forward",
    "rms_norm_backward",
    "rms_norm_forward",
]

SOURCE = Source("norm.cu", "columns.cuh")


def layer_norm_forward(
    X: Any, weight: Any, bias: Any, eps: float, Y: Any, mean: Any, rstd: Any
) -> None:
    _row_norm(X, weight, bias, eps, True, Y, mean, rstd)


def rms_norm_forward(X: Any, weight: Any, eps: float, Y: Any, rrms: Any) -> None:
    _row_norm(X, weight, None, eps, False, Y, rrms, rrms)


def _row_norm(
    X: Any, weight: Any, bias: Any, eps: float, centered: bool, Y: Any, mean: Any, rstd: Any
) -> None:
    M, D = X.shape
    if M:
        SOURCE(
            "row_norm_forward", X.dtype, M, rows_block(D),
            X, *optional(weight, X), *optional(bias, X), eps, centered, M, D, Y, mean, rstd,
        )  # fmt: skip


def layer_norm_backward(
    dY: Any, X: Any, mean: Any, rstd: Any, weight: Any, dX: Any, dweight: Any, dbias: Any
) -> None:
    _row_norm_backward(dY, X, mean, rstd, weight, True, dX, dweight, dbias)


def rms_norm_backward(dY: Any, X: Any, rrms: Any, weight: Any, dX: Any, dweight: Any) -> None:
    _row_norm_backward(dY, X, rrms, rrms, weight, False, dX, dweight, None)


def _row_norm_backward(
    dY: Any,
    X: Any,
    mean: Any,
    rstd: Any,
    weight: Any,
    centered: bool,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    M, D = dY.shape
    if M:
        SOURCE(
            "row_norm_backward", dY.dtype, M, rows_block(D),
            dY, X, mean, rstd, *optional(weight, X), centered, M, D, dX,
        )  # fmt: skip
    if dweight is not None or dbias is not None:
        _column_sums(dY, X, mean, rstd, centered, dweight, dbias)


def _column_sums(
    dY: Any, X: Any, mean: Any, rstd: Any, centered: bool, dweight: Any, dbias: Any
) -> None:
    M, C = dY.shape
    grid, chunk = columns_grid(M, C)
    partial = scratch((2, grid[1], C), dY.dtype)
    SOURCE(
        "column_sums", dY.dtype, grid, COLUMNS_BLOCK,
        dY, X, mean, rstd, centered, M, C, chunk, partial,
    )  # fmt: skip
    SOURCE(
        "column_totals", dY.dtype, grid[0], COLUMNS_BLOCK,
        partial, grid[1], C, *optional(dweight, partial), *optional(dbias, partial),
    )  # fmt: skip
