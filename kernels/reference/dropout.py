"""Dropout: the mask is never stored, but drawn again from its place in the random sequence."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace
from .random import philox_words

__all__ = ["dropout"]


def dropout(X: Any, p: float, state: Any, offset: int, Y: Any) -> None:
    """``Y[i] = X[i] / (1 - p)`` with probability 1 - p, otherwise 0.

    Element i is kept where word i % 4 of Philox's block ``offset + i // 4`` is at least
    ``p 2^32`` (see ``random.py``): the same elements in every dtype and on every device. The
    gradient is the same kernel, applied to dY.

    Parameters
    ----------
    X : array of shape (n,)
        float32 or float64, C-contiguous.
    p : float
        In [0, 1].
    state : int64 array of shape (3,)
    offset : int
        The call uses ``ceil(n / 4)`` blocks.
    Y : array of shape (n,)
        Output. May be `X`.
    """
    xp = namespace(X)
    n = X.size
    threshold, scale = threshold_and_scale(p)
    kept = philox_words(state, offset, -(-n // 4)).T.reshape(-1)[:n] >= threshold
    xp.copyto(Y, xp.where(kept, X * scale, X.dtype.type(0)))


def threshold_and_scale(p: float) -> tuple[int, float]:
    """Words below the first are dropped, what is kept is multiplied by the second."""
    return round(p * 2**32), 1 / (1 - p) if p < 1 else 0.0
