"""Rows of a table by their number."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["embedding_backward", "embedding_forward"]


def embedding_forward(indices: Any, W: Any, Y: Any) -> None:
    """``Y[t, d] = W[indices[t], d]``; NaN, on the GPU, for an index that is not in the table.

    Parameters
    ----------
    indices : int64 array of shape (T,), C-contiguous
        From 0 to V - 1.
    W : array of shape (V, D)
        float32 or float64, C-contiguous.
    Y : array of shape (T, D)
        Output.

    Raises
    ------
    IndexError
        With the first t whose index is not in the table; not on the GPU, which is not waited for.
    """
    xp = namespace(W)
    wrong = (indices < 0) | (indices >= W.shape[0])
    if xp.__name__ == "numpy":
        if wrong.any():
            raise IndexError(int(wrong.argmax()))
        xp.take(W, indices, axis=0, out=Y, mode="clip")
    else:
        Y[...] = xp.where(wrong[:, None], float("nan"), W[xp.where(wrong, 0, indices)])


def embedding_backward(dY: Any, indices: Any, dW: Any) -> None:
    """``dW[v, d] = sum of dY[t, d] over all t with indices[t] = v``.

    The Numba and CUDA forms add in a fixed order, so that results are the same in every run.

    Parameters
    ----------
    dY : array of shape (T, D)
        float32 or float64, C-contiguous.
    indices : int64 array of shape (T,), C-contiguous
        From 0 to V - 1.
    dW : array of shape (V, D)
        Output; zero in rows that no index names.
    """
    dW.fill(0)
    namespace(dY).add.at(dW, indices, dY)
