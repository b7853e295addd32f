"""Images from channels-last to channels-first memory and back: a stack of matrices transposed."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["transpose_matrices"]


def transpose_matrices(X: Any, Y: Any) -> None:
    """``Y[n, j, i] = X[n, i, j]``.

    Parameters
    ----------
    X : array of shape (N, I, J)
        float32 or float64, C-contiguous.
    Y : array of shape (N, J, I)
        Output.
    """
    namespace(X).copyto(Y, X.transpose(0, 2, 1))
