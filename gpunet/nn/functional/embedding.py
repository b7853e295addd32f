"""Embeddings."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...dtypes import FLOATING
from ...ops.embedding import embedding_backward, embedding_forward

__all__ = ["embedding", "row_of"]

_embedding = Operation(embedding_forward, embedding_backward, into=True)


def embedding(input: Variable, weight: Variable, padding_idx: int | None = None) -> Any:
    """``Y[..., d] = W[x[...], d]``.

    Parameters
    ----------
    input : Tensor of any shape
        Indices x from 0 to V - 1, int64 or int32.
    weight : Tensor of shape (V, D)
    padding_idx : int, optional
        A row that gets no gradient; a negative one counts from the end.

    Returns
    -------
    Tensor of shape (..., D)

    Raises
    ------
    IndexError
        If an index is out of range. On a GPU, which is not waited for, its row is NaN instead.
    RuntimeError
        If `input` does not hold whole numbers, or `weight` is not a floating-point matrix.
    ValueError
        If there is no row `padding_idx`.
    """
    if input.array.dtype.kind != "i":
        raise RuntimeError(
            f"embedding: input: expected indices, int64 or int32, got {input.array.dtype}"
        )
    W = weight.array
    if W.ndim != 2 or W.dtype.kind not in FLOATING:
        raise RuntimeError(
            "embedding: weight: expected a floating-point tensor of shape (V, D), got "
            f"{W.dtype} of shape {W.shape}"
        )
    if padding_idx is None:
        return _embedding(input, weight)
    return _embedding(input, weight, padding=row_of(padding_idx, W.shape[0]))


def row_of(padding_idx: int, rows: int) -> int:
    """`padding_idx` counted from the front, or a ValueError."""
    if not -rows <= padding_idx < rows:
        raise ValueError(
            f"padding_idx: expected a row from {-rows} to {rows - 1}, got {padding_idx}"
        )
    return padding_idx % rows
