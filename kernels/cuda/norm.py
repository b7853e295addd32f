"""Launches of norm.cu."""

from __future__ import annotations

from typing import Any

from .launch import COLUMNS_BLOCK, Source, columns_grid, rows_block

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_infer",
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
            X, *_optional(weight, X), *_optional(bias, X), eps, centered, M, D, Y, mean, rstd,
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
            dY, X, mean, rstd, *_optional(weight, X), centered, M, D, dX,
        )  # fmt: skip
    if dweight is not None or dbias is not None:
        _column_sums(dY, X, mean, rstd, True, centered, dweight, dbias)


def batch_norm_forward(
    X: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    count: Any,
    momentum: float,
    eps: float,
    Y: Any,
    mean: Any,
    rstd: Any,
) -> None:
    M, C = X.shape
    grid, chunk = columns_grid(M, C)
    partial = _scratch((3, grid[1], C), X.dtype)
    counted, count = count is not None, _scratch((), "int64") if count is None else count
    SOURCE("column_moments", X.dtype, grid, COLUMNS_BLOCK, X, M, C, chunk, partial)
    SOURCE(
        "batch_norm_statistics", X.dtype, grid[0], COLUMNS_BLOCK,
        partial, grid[1], M, C, eps, count, momentum,
        mean if running_mean is None else running_mean, *_optional(running_var, rstd), mean, rstd,
    )  # fmt: skip
    SOURCE(
        "batch_norm_apply", X.dtype, grid, COLUMNS_BLOCK,
        X, mean, rstd, False, eps, *_optional(weight, X), *_optional(bias, X), M, C, chunk,
        count, counted, Y,
    )  # fmt: skip


def batch_norm_infer(
    X: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, Y: Any
) -> None:
    M, C = X.shape
    if X.size:
        grid, chunk = columns_grid(M, C)
        SOURCE(
            "batch_norm_apply", X.dtype, grid, COLUMNS_BLOCK,
            X, mean, var, True, eps, *_optional(weight, X), *_optional(bias, X), M, C, chunk,
            _scratch((), "int64"), False, Y,
        )  # fmt: skip


def batch_norm_backward(
    dY: Any,
    X: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    training: bool,
    dX: Any,
    dweight: Any,
    dbias: Any,
) -> None:
    M, C = dY.shape
    _column_sums(dY, X, mean, rstd, False, True, dweight, dbias)
    if dY.size:
        grid, chunk = columns_grid(M, C)
        SOURCE(
            "batch_norm_dx", dY.dtype, grid, COLUMNS_BLOCK,
            dY, X, mean, rstd, *_optional(weight, X), training, dweight, dbias, M, C, chunk, dX,
        )  # fmt: skip


def _column_sums(
    dY: Any, X: Any, mean: Any, rstd: Any, by_row: bool, centered: bool, dweight: Any, dbias: Any
) -> None:
    M, C = dY.shape
    grid, chunk = columns_grid(M, C)
    partial = _scratch((2, grid[1], C), dY.dtype)
    SOURCE(
        "column_sums", dY.dtype, grid, COLUMNS_BLOCK,
        dY, X, mean, rstd, by_row, centered, M, C, chunk, partial,
    )  # fmt: skip
    SOURCE(
        "column_totals", dY.dtype, grid[0], COLUMNS_BLOCK,
        partial, grid[1], C, *_optional(dweight, partial), *_optional(dbias, partial),
    )  # fmt: skip


def _optional(array: Any, other: Any) -> tuple[Any, bool]:
    """A pointer that is valid in any case, and whether it is the one that was meant."""
    return (other, False) if array is None else (array, True)


def _scratch(shape: tuple[int, ...], dtype: Any) -> Any:
    import cupy

    return cupy.empty(shape, dtype)
