"""Dropout."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...backend.rng import CURRENT
from ...functions.promotion import floating
from ...ops.dropout import dropout_backward, dropout_forward

__all__ = ["check_probability", "dropout"]

_dropout = Operation(dropout_forward, dropout_backward)


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


def check_probability(p: float) -> None:
    """Raise the error for a `p` outside [0, 1]."""
    if not 0 <= p <= 1:
        raise ValueError(f"p: dropout probability has to be between 0 and 1, but got {p}")
