"""The gradient of broadcasting: what was repeated in the forward pass is summed."""

from __future__ import annotations

from typing import Any

__all__ = ["unbroadcast"]


def unbroadcast(dY: Any, shape: tuple[int, ...]) -> Any:
    """Sum `dY` over the axes along which an array of `shape` was repeated to `dY`'s shape.

    Parameters
    ----------
    dY : array
    shape : tuple of int
        A shape that broadcasts to ``dY.shape``.

    Returns
    -------
    array of `shape`
        `dY` itself where nothing was repeated.
    """
    if dY.shape == shape:
        return dY
    extra = dY.ndim - len(shape)
    axes = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1))
    return dY.sum(axis=axes, keepdims=True).reshape(shape)
