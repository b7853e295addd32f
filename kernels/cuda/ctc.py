"""Launches of ctc.cu."""

from __future__ import annotations

from typing import Any

from .launch import Source, blocks_for, rows_block, scratch

__all__ = ["ctc_backward", "ctc_forward"]

SOURCE = Source("ctc.cu")


def ctc_forward(
    X: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    alpha: Any,
    losses: Any,
) -> None:
    T, N, C = X.shape
    S = targets.shape[1]
    if N:
        SOURCE(
            "ctc_forward", X.dtype, blocks_for(N, 1), rows_block(2 * (2 * S + 1)),
            X, targets, input_lengths, target_lengths, blank, T, N, C, S, alpha, losses,
        )  # fmt: skip


def ctc_backward(
    X: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    alpha: Any,
    losses: Any,
    dlosses: Any,
    zero_infinity: bool,
    dX: Any,
) -> None:
    T, N, C = X.shape
    S = targets.shape[1]
    if X.size:
        SOURCE(
            "ctc_backward", X.dtype, blocks_for(N, 1), rows_block(2 * max(2 * S + 1, C)),
            X, targets, input_lengths, target_lengths, blank, alpha, losses, dlosses,
            zero_infinity, T, N, C, S, scratch((N, 4, 2 * S + 1), X.dtype), dX,
        )  # fmt: skip
