"""What the optimisers that are plain array operations share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from .flat import FlatBuffer
from .span import Span

__all__ = ["descent", "like", "quiet"]

#: Decorates updates: a run that diverges shows in its loss, without warnings from NumPy.
quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")


def like(span: Span, scalar: Array) -> Array:
    """A float64 scalar of the device in the parameters' dtype, so that it promotes nothing."""
    return scalar.astype(span.values.dtype)


def descent(group: dict[str, Any], buffer: FlatBuffer, span: Span, at: int) -> Array:
    """The gradient with its sign and with weight decay, whose factor is ``buffer.hyper[at]``.

    The gradient itself, not a copy, where neither changes it.
    """
    gradients = span.gradients
    if group["weight_decay"] == 0:
        return -gradients if group["maximize"] else gradients
    decay = span.values * like(span, buffer.hyper[at])
    return decay - gradients if group["maximize"] else decay + gradients
