"""Rows of a table by their number."""

from __future__ import annotations

from typing import Any

__all__ = ["embedding_backward", "embedding_forward"]


def embedding_forward(be: Any, indices: Any, W: Any, padding: int | None = None) -> Any:
    """``Y[..., d] = W[indices[...], d]``.

    Parameters
    ----------
    indices : array of whole numbers of any shape
    W : array of shape (V, D)
    padding : int, optional
        A row that gets no gradient, not negative.

    Raises
    ------
    IndexError
        If an index is not from 0 to V - 1, on the CPU. On a GPU its row is NaN.
    """
    flat = be.contiguous(indices.reshape(-1))
    if flat.dtype != "int64":
        flat = flat.astype("int64")
    Y = be.empty((flat.size, W.shape[1]), W.dtype)
    try:
        be.kernels.embedding_forward(flat, be.contiguous(W), Y)
    except IndexError as error:
        t = error.args[0]
        raise IndexError(
            f"embedding: index {int(flat[t])} (number {t} of input) is out of range: expected "
            f"one from 0 to {W.shape[0] - 1}"
        ) from None
    return Y.reshape(*indices.shape, W.shape[1]), (flat, W.shape, padding)


def embedding_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """``dW[v]`` is the sum of dY over all places with index v; zero for the padding row."""
    flat, shape, padding = saved
    dW = be.empty(shape, dY.dtype) if out[1] is None else out[1]
    be.kernels.embedding_backward(be.contiguous(dY).reshape(flat.size, shape[1]), flat, dW)
    if padding is not None:
        be.xp.copyto(dW[padding], 0)
    return None, dW
