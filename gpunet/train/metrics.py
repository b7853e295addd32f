"""Metrics for `Trainer`: from output and targets to a mean over the mini-batch, on the device."""

from __future__ import annotations

from typing import Any

from ..autograd import Variable
from ..backend import backend_of

__all__ = ["accuracy"]


def accuracy(output: Variable, target: Variable) -> Any:
    """The share of samples whose largest output is that of their class.

    Parameters
    ----------
    output : Tensor of shape (N, C) or (N, C, ...)
        Scores of the C classes.
    target : Tensor of integers of shape (N,) or (N, ...)

    Returns
    -------
    number or array of no axes
        On a GPU it is there, and nothing has waited for it.
    """
    answers = output.array.argmax(axis=1)
    labels = target.array
    return backend_of(answers).xp.count_nonzero(answers == labels) / answers.size
