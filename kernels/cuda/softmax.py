"""Launches of softmax.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for, rows_block

__all__ = [
    "cross_entropy_backward",
    "cross_entropy_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "nll_backward",
    "nll_forward",
    "softmax_backward",
    "softmax_forward",
]

SOURCE = Source("softmax.cu")


def softmax_forward(X: Any, Y: Any) -> None:
    M, C = X.shape
    if X.size:
        SOURCE("softmax_forward", X.dtype, M, rows_block(C), X, M, C, Y)


def softmax_backward(dY: Any, Y: Any, dX: Any) -> None:
    M, C = dY.shape
    if dY.size:
        SOURCE("softmax_backward", dY.dtype, M, rows_block(C), dY, Y, M, C, dX)


def log_softmax_forward(X: Any, Y: Any) -> None:
    M, C = X.shape
    if X.size:
        SOURCE("log_softmax_forward", X.dtype, M, rows_block(C), X, M, C, Y)


def log_softmax_backward(dY: Any, Y: Any, dX: Any) -> None:
    M, C = dY.shape
    if dY.size:
        SOURCE("log_softmax_backward", dY.dtype, M, rows_block(C), dY, Y, M, C, dX)


def cross_entropy_forward(
    X: Any, labels: Any, weight: Any, ignore_index: int, smoothing: float, rows: Any, total: Any
) -> None:
    M, C = X.shape
    # In place of no weights any array that is not read.
    weighted, weight = weight is not None, X if weight is None else weight
    if M:
        SOURCE(
            "cross_entropy_rows", X.dtype, M, rows_block(C),
            X, labels, weight, weighted, ignore_index, smoothing, M, C, rows,
        )  # fmt: skip
    _totals(rows[2], labels, weight, weighted, ignore_index, M, C, total)


def _totals(losses: Any, labels: Any, *args: Any) -> None:
    block = rows_block(labels.size)
    SOURCE("label_totals", losses.dtype, 1, block, losses, labels, *args)


def cross_entropy_backward(
    X: Any,
    labels: Any,
    weight: Any,
    ignore_index: int,
    smoothing: float,
    rows: Any,
    total: Any,
    dloss: Any,
    mean: bool,
    dX: Any,
) -> None:
    M, C = X.shape
    weighted, weight = weight is not None, X if weight is None else weight
    if M:
        SOURCE(
            "cross_entropy_backward", X.dtype, M, rows_block(C),
            X, labels, weight, weighted, ignore_index, smoothing, rows, total,
            dloss, dloss.size > 1, mean, M, C, dX,
        )  # fmt: skip


def nll_forward(
    X: Any, labels: Any, weight: Any, ignore_index: int, losses: Any, total: Any
) -> None:
    M, C = X.shape
    weighted, weight = weight is not None, X if weight is None else weight
    if M:
        SOURCE(
            "nll_rows", X.dtype, blocks_for(M), BLOCK,
            X, labels, weight, weighted, ignore_index, M, C, losses,
        )  # fmt: skip
    _totals(losses, labels, weight, weighted, ignore_index, M, C, total)


def nll_backward(
    labels: Any, weight: Any, ignore_index: int, total: Any, dloss: Any, mean: bool, dX: Any
) -> None:
    M, C = dX.shape
    weighted, weight = weight is not None, dX if weight is None else weight
    if M:
        SOURCE(
            "nll_backward", dX.dtype, blocks_for(dX.size), BLOCK,
            labels, weight, weighted, ignore_index, total, dloss, dloss.size > 1, mean,
            dX.size, C, dX,
        )  # fmt: skip
