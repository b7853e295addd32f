"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .descent import average, decayed_descent, like, quiet
from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero, check_betas

__all__ = ["NAdam"]


class NAdam(FlatOptimizer):
    """Adam with Nesterov's momentum.

    In step t, with ``mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)``, M the product of all mu so
    far, and Adam's averages m and v: ``p = p - lr ((1 - mu_t) / (1 - M) d +
    mu_{t+1} / (1 - M mu_{t+1}) m) / (sqrt(v / (1 - beta2^t)) + eps)``.

    Source: Dozat, Incorporating Nesterov momentum into Adam (2016).

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
    momentum_decay : float
        Default: 4e-3.
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

    _scalars = ("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_at_least_zero(lr=lr, eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        decays = group["weight_decay"], group["momentum_decay"]
        return group["lr"], beta1, beta2, group["eps"], *decays

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        hyper = buffer.hyper
        lr, beta1, beta2 = hyper[0], hyper[1], hyper[2]
        values = span.values
        if "mu_product" not in span.scalars:
            span.scalars["mu_product"] = buffer.scalar(1.0)
        product = span.scalars["mu_product"]
        span.count[0] += 1
        t = span.count[0]
        mu = beta1 * (1 - 0.5 * 0.96 ** (t * hyper[5]))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * hyper[5]))
        product *= mu
        d = decayed_descent(group, buffer, span, 4)
        m, v = average(buffer, span, d)
        root = v * like(span, 1 / (1 - beta2**t))
        xp.sqrt(root, out=root)
        root += like(span, hyper[3])
        step = d * like(span, lr * (1 - mu) / (1 - product[0]))
        step += m * like(span, lr * mu_next / (1 - product[0] * mu_next))
        step /= root
        values -= step
