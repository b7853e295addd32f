"""Rows of a table: copied, and summed in the order in which they stand."""

from __future__ import annotations

from ._compile import kernel

__all__ = ["embedding_backward", "embedding_forward"]


@kernel
def embedding_forward(indices, W, Y):
    V, D = W.shape
    for t in range(indices.size):
        v = indices[t]
        if v < 0 or v >= V:
            raise IndexError(t)
        for d in range(D):
            Y[t, d] = W[v, d]


@kernel
def embedding_backward(dY, indices, dW):
    D = dW.shape[1]
    dW[:] = 0
    for t in range(indices.size):
        v = indices[t]
        for d in range(D):
            dW[v, d] += dY[t, d]
