"""Resampling along one axis: each output element a weighted sum of a few input elements."""

from __future__ import annotations

from typing import Any

from ._namespace import namespace

__all__ = ["resample"]


def resample(X: Any, places: Any, weights: Any, Y: Any) -> None:
    """``Y[m, o, k] = sum_e weights[o, e] X[m, places[o, e], k]``.

    This is the product with a sparse matrix, given by the entries of its rows. Interpolation is
    one, and its gradient is that with the transposed matrix.

    Parameters
    ----------
    X : array of shape (M, I, K)
        float32 or float64, C-contiguous.
    places : array of shape (O, E)
        int64, from 0 to I - 1.
    weights : array of shape (O, E)
        Of X's dtype. An entry whose weight is 0 is left out, whatever X holds there.
    Y : array of shape (M, O, K)
        Output.
    """
    xp = namespace(X)
    Y.fill(0)
    for e in range(places.shape[1]):
        w = weights[:, e, None]
        Y += xp.where(w != 0, xp.take(X, places[:, e], axis=1) * w, X.dtype.type(0))
