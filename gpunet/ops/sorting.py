"""Order: where the elements of an axis stand when they are sorted.

Only places come from here; the sorted values are gathered from them (`scatter.gather_forward`), and
so the gradients go back to where the values came from.
"""

from __future__ import annotations

from typing import Any

__all__ = ["sorted_places", "top_places"]


def sorted_places(be: Any, X: Any, dim: int, descending: bool) -> Any:
    """The indices along `dim` that sort `X`. Equal elements keep their order; NaN is largest.

    Returns
    -------
    array of int64, of X's shape
    """
    if not X.size:
        return be.zeros(X.shape, "int64")
    if X.dtype.kind == "b":
        X = X.astype("uint8")
    if not descending:
        return be.xp.argsort(X, axis=dim, kind="stable").astype("int64", copy=False)
    # The last of equals comes first in the reversed array, so reversing twice keeps their order.
    places = be.xp.argsort(be.xp.flip(X, dim), axis=dim, kind="stable")
    return be.contiguous(X.shape[dim] - 1 - be.xp.flip(places, dim).astype("int64", copy=False))


def top_places(be: Any, X: Any, k: int, dim: int, largest: bool) -> Any:
    """The indices along `dim` of the `k` largest (or smallest) elements, the best one first.

    Returns
    -------
    array of int64, of X's shape but for `k` along `dim`
    """
    n = X.shape[dim]
    before = (slice(None),) * dim
    if 4 * k > n or not X.size:
        return sorted_places(be, X, dim, largest)[(*before, slice(k))]
    # Sorting all is more than is needed: part off the k best, then sort these.
    if X.dtype.kind == "b":
        X = X.astype("uint8")
    if not k:
        return be.zeros((*X.shape[:dim], 0, *X.shape[dim + 1 :]), "int64")
    if largest:
        chosen = be.xp.argpartition(X, n - k, axis=dim)[(*before, slice(n - k, None))]
    else:
        chosen = be.xp.argpartition(X, k - 1, axis=dim)[(*before, slice(k))]
    # In the order of their places, so that equal elements come in that order.
    chosen = be.xp.sort(chosen, axis=dim)
    order = sorted_places(be, be.xp.take_along_axis(X, chosen, dim), dim, largest)
    return be.xp.take_along_axis(chosen, order, dim).astype("int64", copy=False)
