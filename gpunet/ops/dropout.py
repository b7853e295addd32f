"""Dropout: the backward pass draws the mask again from its place in the random sequence."""

from __future__ import annotations

from typing import Any

__all__ = ["dropout_backward", "dropout_forward"]


def dropout_forward(be: Any, X: Any, p: float, generator: Any) -> Any:
    """``Y = X M / (1 - p)``, each element of M one with probability 1 - p, otherwise zero.

    Saves the place of the mask in the sequence of `generator` (a `Generator`), not the mask.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (JMLR 15, 2014).
    """
    state, offset = generator.take(be, X, -(-X.size // 4))
    return _masked(be, X, p, state, offset), (p, state, offset)


def dropout_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY M / (1 - p)``."""
    return (_masked(be, dY, *saved),)


def _masked(be: Any, X: Any, p: float, state: Any, offset: int) -> Any:
    # Elements are counted in the order of the shape, so that the mask does not depend on memory
    # order.
    if X.dtype.char not in "fd":
        return _masked(be, X.astype("float32"), p, state, offset).astype(X.dtype)
    Y = be.empty(X.shape, X.dtype)
    be.kernels.dropout(be.contiguous(X).reshape(-1), p, state, offset, Y.reshape(-1))
    return Y
