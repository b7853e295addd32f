"""Dropout: the backward pass draws the mask again from its place in the random sequence."""

from __future__ import annotations

import math
from typing import Any

from .channels import from_rows, rows_of
from .memory_order import is_channels_last, ordered_like

__all__ = [
    "alpha_dropout_backward",
    "alpha_dropout_forward",
    "channel_dropout_backward",
    "channel_dropout_forward",
    "dropout_backward",
    "dropout_forward",
]

#: The value to which SELU falls for very negative arguments: minus its scale times its alpha.
_SATURATED = -1.7580993408473766


def dropout_forward(be: Any, X: Any, p: float, generator: Any) -> Any:
    """``Y = X M / (1 - p)``, each element of M one with probability 1 - p, otherwise zero.

    Saves the place of the mask in the sequence of `generator` (a `Generator`), not the mask.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (JMLR 15, 2014).
    """
    state, offset = generator.take(be, X, -(-X.size // 4))
    last = is_channels_last(X)
    return _masked(be, X, p, state, offset, last), (p, state, offset, last)


def dropout_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY M / (1 - p)``."""
    return (_masked(be, dY, *saved),)


def _masked(be: Any, X: Any, p: float, state: Any, offset: int, last: bool) -> Any:
    # Elements are counted in the order of the shape; those of images in channels-last memory, where
    # that would be a walk across the memory, in the order of the memory that the forward pass saw.
    if X.dtype.char not in "fd":
        return _masked(be, X.astype("float32"), p, state, offset, last).astype(X.dtype)
    if last:
        rows = _masked(be, rows_of(be, X), p, state, offset, False)
        return from_rows(be, rows, X.shape)
    Y = be.empty(X.shape, X.dtype)
    be.kernels.dropout(be.contiguous(X).reshape(-1), p, state, offset, Y.reshape(-1))
    return Y


def _channels(be: Any, X: Any, p: float, generator: Any) -> Any:
    """``M / (1 - p)`` for each channel of each sample of `X`, in shape (N, C, 1, ...)."""
    ones = be.empty(X.shape[:2], X.dtype)
    ones.fill(1)
    return dropout_forward(be, ones, p, generator)[0].reshape(X.shape[:2] + (1,) * (X.ndim - 2))


def channel_dropout_forward(be: Any, X: Any, p: float, generator: Any) -> Any:
    """``Y = X M / (1 - p)``, with one element of M for each channel of each sample.

    Source: Tompson, Goroshin, Jain, LeCun and Bregler, Efficient Object Localization Using
    Convolutional Networks, 2015.
    """
    factor = _channels(be, X, p, generator)
    return be.xp.multiply(X, factor, out=be.like(X)), (factor,)


def channel_dropout_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY M / (1 - p)``."""
    return (be.xp.multiply(dY, saved[0], out=be.like(dY)),)


def alpha_dropout_forward(be: Any, X: Any, p: float, generator: Any, channels: bool) -> Any:
    """``Y = a (X M + s (1 - M)) + b``: what is dropped takes the value s to which SELU saturates,
    and a and b bring mean 0 and variance 1 back. `channels`: one element of M for each channel.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, Self-Normalizing Neural Networks, 2017.
    """
    if p == 1:
        return be.zeros(X.shape, X.dtype), (X.dtype.type(0),)
    a = 1 / math.sqrt((1 - p) * (1 + p * _SATURATED**2))
    if channels:
        slope = _channels(be, X, p, generator)
    else:
        ones = ordered_like(be, X, X.shape, X.dtype)
        ones.fill(1)
        slope = dropout_forward(be, ones, p, generator)[0]
    slope *= a * (1 - p)
    Y = be.xp.multiply(X, slope, out=be.like(X))
    # a s (1 - M) + b, with a M = slope and b = -a s p.
    Y += (a * _SATURATED * (1 - p)) - slope * _SATURATED
    return Y, (slope,)


def alpha_dropout_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = dY a M``."""
    return (be.xp.multiply(dY, saved[0], out=be.like(dY)),)
