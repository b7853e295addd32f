"""RAdam and Adamax: variants of Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .descent import average, decayed_descent, descent, like, quiet
from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero, check_betas

__all__ = ["Adamax", "RAdam"]


class RAdam(FlatOptimizer):
    """Adam that goes along the average gradient alone until the average square is reliable.

    With ``r_t = r - 2 t beta2^t / (1 - beta2^t)`` and ``r = 2 / (1 - beta2) - 1``, the length of
    the average and what it tends to: where ``r_t > 5`` Adam's step is multiplied by
    ``sqrt((r_t - 4)(r_t - 2) r / ((r - 4)(r - 2) r_t))``, elsewhere it is not divided by the root.

    Source: Liu et al., On the variance of the adaptive learning rate and beyond (2020).

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Learning rate. Default: 1e-3.
    betas : pair of float
        How much of the two averages is kept in a step. Default: (0.9, 0.999).
    eps : float
        Default: 1e-8.
    weight_decay : float
        Default: 0.
    decoupled_weight_decay : bool
        Decay as `AdamW` does. Default: False.
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
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_at_least_zero(lr=lr, eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"], beta1, beta2, group["eps"], group["weight_decay"]

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        lr, beta1, beta2 = buffer.hyper[0], buffer.hyper[1], buffer.hyper[2]
        values = span.values
        m, v = average(buffer, span, decayed_descent(group, buffer, span, 4))
        span.count[0] += 1
        t = span.count[0]
        correction2 = 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / correction2
        factor = (length - 4) * (length - 2) * longest
        factor = factor / ((longest - 4) * (longest - 2) * length)
        reliable = length > 5
        # Where it is not reliable the root is replaced by 1: the choice stays on the device.
        scale = xp.sqrt(xp.where(reliable, factor * correction2, 1.0))
        root = xp.sqrt(v)
        root += like(span, buffer.hyper[3])
        step = m / xp.where(reliable, root, root.dtype.type(1))
        values -= step * like(span, scale * lr / (1 - beta1**t))


class Adamax(FlatOptimizer):
    """Adam with the largest gradient so far, decaying, in place of the root of the average square.

    With ``d = g + weight_decay p``: ``m = beta1 m + (1 - beta1) d``,
    ``u = max(beta2 u, |d| + eps)``, ``p = p - lr / (1 - beta1^t) m / u``.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), section 7.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Learning rate. Default: 2e-3.
    betas : pair of float
        Default: (0.9, 0.999).
    eps : float
        Default: 1e-8.
    weight_decay : float
        Default: 0.
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
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
    ):
        check_at_least_zero(lr=lr, eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"], beta1, beta2, group["eps"], group["weight_decay"]

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        lr, beta1, beta2 = buffer.hyper[0], buffer.hyper[1], buffer.hyper[2]
        values = span.values
        m = buffer.of(span, "exp_avg")
        u = buffer.of(span, "exp_inf")
        d = descent(group, buffer, span, 4)
        m += (d - m) * like(span, 1 - beta1)
        u *= like(span, beta2)
        size = xp.abs(d)
        size += like(span, buffer.hyper[3])
        xp.maximum(u, size, out=u)
        span.count[0] += 1
        values -= m / u * like(span, lr / (1 - beta1 ** span.count[0]))
