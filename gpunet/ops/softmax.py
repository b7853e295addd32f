"""Softmax and its logarithm along one axis."""

from __future__ import annotations

from typing import Any

__all__ = [
    "log_softmax_backward",
    "log_softmax_forward",
    "softmax_backward",
    "softmax_forward",
]


def _rows(be: Any, X: Any, axis: int) -> Any:
    """`X` as a matrix whose rows run along `axis`."""
    last = X if axis == X.ndim - 1 else be.xp.moveaxis(X, axis, -1)
    return be.contiguous(last).reshape(-1, X.shape[axis])


def _unrows(be: Any, rows: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The inverse of `_rows`: a view."""
    if axis == len(shape) - 1:
        return rows.reshape(shape)
    moved = rows.reshape(*shape[:axis], *shape[axis + 1 :], shape[axis])
    return be.xp.moveaxis(moved, -1, axis)


def _forward(be: Any, X: Any, axis: int, kernel: Any) -> Any:
    shape = X.shape
    if not X.size:
        return X.copy(), (None, shape, axis)
    rows = _rows(be, X, axis)
    Y = be.empty(rows.shape, rows.dtype)
    kernel(rows, Y)
    return _unrows(be, Y, shape, axis), (Y, shape, axis)


def _backward(be: Any, dY: Any, saved: Any, kernel: Any) -> Any:
    Y, shape, axis = saved
    if Y is None:
        return (dY,)
    dX = be.empty(Y.shape, Y.dtype)
    kernel(_rows(be, dY, axis), Y, dX)
    return (_unrows(be, dX, shape, axis),)


def softmax_forward(be: Any, X: Any, axis: int) -> Any:
    """``Y = exp(X) / sum exp(X)`` along `axis`."""
    return _forward(be, X, axis, be.kernels.softmax_forward)


def softmax_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = Y (dY - sum dY Y)``."""
    return _backward(be, dY, saved, be.kernels.softmax_backward)


def log_softmax_forward(be: Any, X: Any, axis: int) -> Any:
    """``Y = X - log sum exp(X)`` along `axis`."""
    return _forward(be, X, axis, be.kernels.log_softmax_forward)


def log_softmax_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY - exp(Y) sum dY``."""
    return _backward(be, dY, saved, be.kernels.log_softmax_backward)
