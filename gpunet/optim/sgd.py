"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero

__all__ = ["SGD"]


class SGD(FlatOptimizer):
    """Stochastic gradient descent, with momentum and Nesterov's momentum.

    With ``d = g + weight_decay p``: ``b = momentum b + (1 - dampening) d`` (``b = d`` in the first
    step), then ``p = p - lr b``, or with `nesterov` ``p = p - lr (d + momentum b)``.

    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum
    in deep learning (2013), in PyTorch's form.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Learning rate. Default: 1e-3.
    momentum, dampening, weight_decay : float
        Default: 0.
    nesterov : bool
        Default: False.
    maximize : bool
        Go up the gradient. Default: False.
    foreach, fused : bool, optional
        Accepted for PyTorch's scripts. A step is always fused.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ):
        check_at_least_zero(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["momentum"], group["dampening"], group["weight_decay"]

    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        decay = group["weight_decay"] != 0
        maximize = group["maximize"]
        if group["momentum"] == 0:
            buffer.kernels.sgd_step(span.values, span.gradients, buffer.hyper, decay, maximize)
            return
        buffer.kernels.sgd_momentum_step(
            span.values,
            span.gradients,
            buffer.of(span, "momentum_buffer"),
            span.count,
            buffer.hyper,
            group["nesterov"],
            decay,
            maximize,
        )

    # PyTorch keeps no step count here: a momentum buffer is there from the first step on.

    def _state_out(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": state["momentum_buffer"]} if state["step"] else {}

    def _state_in(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"step": float("momentum_buffer" in state), **state}
