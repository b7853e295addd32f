"""Rows of a matrix in the order of a list: a mini-batch out of a data set."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["gather_rows"]


def gather_rows(Y: Any, X: Any, rows: Any) -> None:
    """``Y[t] = X[rows[t]]``.

    Parameters
    ----------
    Y : array of shape (T, D)
        Output, with the dtype of `X`, C-contiguous.
    X : array of shape (N, D)
        Any dtype; C-contiguous.
    rows : int64 array of shape (T,), C-contiguous
        From 0 to N - 1. On the GPU, which is not waited for, another number gives some other row.

    Raises
    ------
    IndexError
        With the first t whose number is not that of a row; not on the GPU.
    """
    xp = namespace(X)
    if xp.__name__ == "numpy":
        wrong = (rows < 0) | (rows >= X.shape[0])
        if wrong.any():
            raise IndexError(int(wrong.argmax()))
        xp.take(X, rows, axis=0, out=Y, mode="clip")  # any other mode goes through a buffer
    else:
        xp.take(X, rows, axis=0, out=Y)
