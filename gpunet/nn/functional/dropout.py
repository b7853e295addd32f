"""Dropout."""

from __future__ import annotations

import warnings
from typing import Any

from ...autograd import Operation, Variable
from ...backend.rng import CURRENT
from ...functions.promotion import floating
from ...functions.shape import squeeze, unsqueeze
from ...ops.dropout import (
    alpha_dropout_backward,
    alpha_dropout_forward,
    channel_dropout_backward,
    channel_dropout_forward,
    dropout_backward,
    dropout_forward,
)

__all__ = [
    "alpha_dropout",
    "check_probability",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_dropout = Operation(dropout_forward, dropout_backward)
_channel_dropout = Operation(channel_dropout_forward, channel_dropout_backward)
_alpha_dropout = Operation(alpha_dropout_forward, alpha_dropout_backward)


def dropout(input: Variable, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training each element is zero with probability `p`, and otherwise times ``1 / (1 - p)``.

    The mask comes from the default generator, the same on every device. Outside training, and for
    ``p = 0``, the result is `input` itself. What is dropped is zero even where it was NaN.

    Parameters
    ----------
    input : Tensor
    p : float
        Default: 0.5.
    training : bool
    inplace : bool
        Accepted for PyTorch's sake; the result is a new tensor all the same.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (JMLR 15, 2014).
    """
    check_probability(p)
    if not training or p == 0:
        return input
    return _dropout(floating(input), p=p, generator=CURRENT.generator)


def dropout1d(input: Variable, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels: input of shape (N, C, L) or (C, L).

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    RuntimeError
        If the input has another number of dimensions.
    """
    check_probability(p)
    ndim = input.array.ndim
    if ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input")
    return _channels(input, p, training, ndim == 2)


def dropout2d(input: Variable, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels: input of shape (N, C, H, W).

    As in PyTorch, three dimensions are taken as (N, C, L), with a warning.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    RuntimeError
        If the input has fewer than 2 dimensions.
    """
    check_probability(p)
    ndim = input.array.ndim
    if ndim == 3:
        warnings.warn(
            "dropout2d: a 3D input is taken as (N, C, L), a batch; use dropout1d for that",
            stacklevel=2,
        )
    elif ndim != 4:
        warnings.warn(f"dropout2d: expected a 4D input, got {ndim}D; use dropout", stacklevel=2)
    return _channels(input, p, training, False)


def dropout3d(input: Variable, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels: input of shape (N, C, D, H, W) or (C, D, H, W).

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    RuntimeError
        If the input has no dimensions.
    """
    check_probability(p)
    ndim = input.array.ndim
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: expected a 4D or 5D input, got {ndim}D; use dropout", stacklevel=2
        )
    return _channels(input, p, training, ndim != 5)


def _channels(input: Variable, p: float, training: bool, single: bool) -> Any:
    if input.array.ndim + single < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if not training or p == 0:
        return input
    batch = floating(unsqueeze(input, 0) if single else input)
    result = _channel_dropout(batch, p=p, generator=CURRENT.generator)
    return squeeze(result, 0) if single else result


def alpha_dropout(
    input: Variable, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """Dropout that keeps mean 0 and variance 1, for networks of SELU units.

    What is dropped takes the value to which SELU saturates.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, Self-Normalizing Neural Networks, 2017.
    """
    check_probability(p)
    if not training or p == 0:
        return input
    return _alpha_dropout(floating(input), p=p, generator=CURRENT.generator, channels=False)


def feature_alpha_dropout(
    input: Variable, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """`alpha_dropout` of whole channels: input of shape (N, C, ...).

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    RuntimeError
        If the input has fewer than 2 dimensions.
    """
    check_probability(p)
    if input.array.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if not training or p == 0:
        return input
    return _alpha_dropout(floating(input), p=p, generator=CURRENT.generator, channels=True)


def check_probability(p: float) -> None:
    """Raise the error for a `p` outside [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"p: dropout probability has to be between 0 and 1, but got {p}")
