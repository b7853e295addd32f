"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero, check_betas

__all__ = ["Adam", "AdamW"]


class Adam(FlatOptimizer):
    """Adam: steps of the gradient's moving average over the root of that of its square.

    In step t, with ``d = g + weight_decay p``: ``m = beta1 m + (1 - beta1) d``,
    ``v = beta2 v + (1 - beta2) d²``, and
    ``p = p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)``.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015); for `amsgrad` Reddi,
    Kale and Kumar, On the convergence of Adam and beyond (2018).

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
    amsgrad : bool
        Use the largest v so far. Default: False.
    maximize : bool
        Go up the gradient. Default: False.
    foreach, fused : bool, optional
        Accepted for PyTorch's scripts. A step is always fused.
    decoupled_weight_decay : bool
        Decay as `AdamW` does. Default: False.

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
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        check_at_least_zero(lr=lr, eps=eps)
        check_betas(betas)
        check_at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"], beta1, beta2, group["eps"], group["weight_decay"]

    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        decay = 0
        if group["weight_decay"] != 0:
            decay = 2 if group["decoupled_weight_decay"] else 1
        values, gradients = span.values, span.gradients
        m = buffer.of(span, "exp_avg")
        v = buffer.of(span, "exp_avg_sq")
        options = (span.count, buffer.hyper, decay, group["maximize"])
        if group["amsgrad"]:
            v_max = buffer.of(span, "max_exp_avg_sq")
            buffer.kernels.amsgrad_step(values, gradients, m, v, v_max, *options)
        else:
            buffer.kernels.adam_step(values, gradients, m, v, *options)


class AdamW(Adam):
    """Adam with decoupled weight decay: p is first multiplied by ``1 - lr weight_decay``.

    The decay stays out of the moving averages. Parameters, and what is raised, as in `Adam`, but
    for the default of `weight_decay`, 1e-2.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )
