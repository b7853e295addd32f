"""Dropout: the backward pass draws the mask again from its place in the random sequence."""

from __future__ import annotations

from typing import Any

from .channels import from_rows, rows_of
from .memory_order import is_channels_last

__all__ = ["dropout_backward", "dropout_forward"]


def dropout_forward(be: Any, X: Any, p: float, generator: Any) -> Any:
    """``Y = X M / (1 - p)``, each element of M one with probability 1 - p, otherwise zero.

    Saves the place of the mask in the sequence of `generator` (a `Generator`), not the mask.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (JMLR 15, 2014).
    """
    state, offset = generator.take(be, X, -(-X.size // 4))
    last = is_channels_last(X)
    return _masked(be, X, p, state, offset, last), (p, state, offset, last)


def dropout_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY M / (1 - p)``."""
    return (_masked(be, dY, *saved),)


def _masked(be: Any, X: Any, p: float, state: Any, offset: int, last: bool) -> Any:
    # Elements are counted in the order of the shape; those of images in channels-last memory, where
    # that would be a walk across the memory, in the order of the memory that the forward pass saw.
    if X.dtype.char not in "fd":
        return _masked(be, X.astype("float32"), p, state, offset, last).astype(X.dtype)
    if last:
        rows = _masked(be, rows_of(be, X), p, state, offset, False)
        return from_rows(be, rows, X.shape)
    Y = be.empty(X.shape, X.dtype)
    be.kernels.dropout(be.contiguous(X).reshape(-1), p, state, offset, Y.reshape(-1))
    return Y
