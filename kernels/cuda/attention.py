"""Launches of attention.cu."""

from __future__ import annotations

from typing import Any

from .launch import Source, blocks_for, rows_block, scratch

__all__ = ["attention_softmax_backward", "attention_softmax_forward"]

SOURCE = Source("attention.cu")


def attention_softmax_forward(
    S: Any, keep: Any, bias: Any, scale: float, causal: bool, safe: bool, P: Any
) -> None:
    N, H, L, T = S.shape
    M = N * H * L
    if S.size:
        # In place of no mask an array that is not read.
        mask = scratch((1,), "bool") if keep is None else keep
        SOURCE(
            "attention_softmax_forward", S.dtype, blocks_for(M, 1), rows_block(T),
            S, mask, keep is not None, *_steps(keep),
            S if bias is None else bias, bias is not None, *_steps(bias),
            scale, causal, safe, M, H, L, T, P,
        )  # fmt: skip


def attention_softmax_backward(dP: Any, P: Any, scale: float, dS: Any) -> None:
    N, H, L, T = dP.shape
    M = N * H * L
    if dP.size:
        SOURCE(
            "attention_softmax_backward", dP.dtype, blocks_for(M, 1), rows_block(T),
            dP, P, scale, M, T, dS,
        )  # fmt: skip


def _steps(mask: Any) -> tuple[int, ...]:
    """How far apart a mask's rows are by sample, head and query: 0 along an axis of length 1."""
    if mask is None:
        return 0, 0, 0
    N, H, L, T = mask.shape
    steps = (H * L * T, L * T, T)
    return tuple(step if k > 1 else 0 for k, step in zip((N, H, L), steps))
