"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .descent import descent, like, quiet
from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero

__all__ = ["RMSprop"]


class RMSprop(FlatOptimizer):
    """The gradient over the root of the moving average of its square.

    With ``d = g + weight_decay p``: ``v = alpha v + (1 - alpha) d²``, and
    ``p = p - lr d / (sqrt(v) + eps)``. `centered`: with ``v - a²`` in place of v, a the moving
    average of d. With momentum: ``b = momentum b + d / (sqrt(v) + eps)``, ``p = p - lr b``.

    Source: Hinton's lecture 6 of Neural networks for machine learning (2012); for `centered`
    Graves, Generating sequences with recurrent neural networks (2013).

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Learning rate. Default: 1e-2.
    alpha : float
        How much of the average is kept in a step. Default: 0.99.
    eps : float
        Default: 1e-8.
    weight_decay, momentum : float
        Default: 0.
    centered : bool
        Default: False.
    foreach : bool, optional
        Accepted for PyTorch's scripts.
    maximize : bool
        Go up the gradient. Default: False.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_at_least_zero(lr=lr, eps=eps, momentum=momentum)
        check_at_least_zero(weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["alpha"], group["eps"], group["weight_decay"], group["momentum"]

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        lr, alpha, eps = (like(span, buffer.hyper[i]) for i in range(3))
        rest = like(span, 1 - buffer.hyper[1])
        v = buffer.of(span, "square_avg")
        d = descent(group, buffer, span, 3)
        v *= alpha
        v += d * d * rest
        if group["centered"]:
            a = buffer.of(span, "grad_avg")
            a += (d - a) * rest
            root = v - a * a
        else:
            root = v.copy()
        xp.sqrt(root, out=root)
        root += eps
        step = xp.divide(d, root, out=root)
        if group["momentum"] > 0:
            b = buffer.of(span, "momentum_buffer")
            b *= like(span, buffer.hyper[4])
            b += step
            step = b
        values = span.values
        values -= step * lr
        span.count[0] += 1
