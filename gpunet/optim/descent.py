"""What the optimisers that are plain array operations share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from .flat import FlatBuffer
from .span import Span

__all__ = ["average", "decayed_descent", "descent", "like", "quiet"]

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


def decayed_descent(group: dict[str, Any], buffer: FlatBuffer, span: Span, at: int) -> Array:
    """`descent`, or where the group asks for decoupled decay the gradient with its sign.

    In that case the parameters decay here, by the learning rate, ``buffer.hyper[0]``, times the
    factor.
    """
    if not group["decoupled_weight_decay"] or group["weight_decay"] == 0:
        return descent(group, buffer, span, at)
    values = span.values
    values *= like(span, 1 - buffer.hyper[0] * buffer.hyper[at])
    return -span.gradients if group["maximize"] else span.gradients


def average(buffer: FlatBuffer, span: Span, d: Array) -> tuple[Array, Array]:
    """Adam's averages of d and of d², moved on by a step; ``buffer.hyper[1:3]`` are the betas."""
    beta1, beta2 = buffer.hyper[1], buffer.hyper[2]
    m = buffer.of(span, "exp_avg")
    v = buffer.of(span, "exp_avg_sq")
    m += (d - m) * like(span, 1 - beta1)
    v *= like(span, beta2)
    v += d * d * like(span, 1 - beta2)
    return m, v
