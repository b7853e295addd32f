"""Copies: to another dtype, to other memory, to another device."""

from __future__ import annotations

from typing import Any

from .broadcast import unbroadcast
from .channels import from_rows, rows_of

__all__ = [
    "cast_backward",
    "cast_forward",
    "clone_backward",
    "clone_forward",
    "contiguous_backward",
    "contiguous_forward",
    "overwrite_backward",
    "overwrite_forward",
    "transfer_backward",
    "transfer_forward",
]


def cast_forward(be: Any, X: Any, dtype: Any) -> Any:
    """The elements of `X` as `dtype`."""
    return X.astype(dtype), (X.dtype,)


def cast_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY``, as the dtype of `X`."""
    return (dY.astype(saved[0]),)


def clone_forward(be: Any, X: Any) -> Any:
    """A copy of `X` in the same memory order."""
    Y = be.like(X)
    if Y is None:
        return X.copy(order="K"), ()
    be.xp.copyto(Y, X)
    return Y, ()


def clone_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY``."""
    return (dY,)


def contiguous_forward(be: Any, X: Any, channels_last: bool = False) -> Any:
    """`X` in C order, or channels-last; `X` itself where it is so already."""
    if channels_last:
        return from_rows(be, rows_of(be, X), X.shape), ()
    return be.contiguous(X), ()


contiguous_backward = clone_backward


def overwrite_forward(be: Any, X: Any, S: Any) -> Any:
    """`S`, an array or a number, broadcast to the shape of `X` and as its dtype."""
    Y = be.empty(X.shape, X.dtype)
    Y[...] = S
    return Y, (S,)


def overwrite_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = 0``, ``dS = dY``."""
    (S,) = saved
    dX = be.zeros(dY.shape, dY.dtype) if needs[0] else None
    return dX, unbroadcast(dY, S.shape).astype(S.dtype, copy=False) if needs[1] else None


def transfer_forward(be: Any, X: Any, source: Any, device: Any, non_blocking: bool = False) -> Any:
    """`X`, an array of the backend `source`, on `device`, which belongs to the backend `be`."""
    origin = source.device_of(X)
    Y = be.from_numpy(source.to_numpy(X), device, non_blocking)
    return Y, (source, origin, be)


def transfer_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """`dY` on the device of `X`."""
    source, origin, target = saved
    return (source.from_numpy(target.to_numpy(dY), origin),)
