"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .descent import descent, like, quiet
from .flat import FlatBuffer
from .fused import FlatOptimizer
from .span import Span
from .values import check_at_least_zero

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(FlatOptimizer):
    """The gradient over the root of the sum of all its squares.

    In step t, with ``d = g + weight_decay p``: ``s = s + d²``,
    ``p = p - lr / (1 + (t - 1) lr_decay) d / (sqrt(s) + eps)``.

    Source: Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and
    stochastic optimization (2011).

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Learning rate. Default: 1e-2.
    lr_decay, weight_decay : float
        Default: 0.
    initial_accumulator_value : float
        What s starts from. Default: 0.
    eps : float
        Default: 1e-10.
    foreach, fused : bool, optional
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
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        fused: bool | None = None,
    ):
        check_at_least_zero(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["lr_decay"], group["eps"], group["weight_decay"]

    def _prepare(self, group: dict[str, Any], buffer: FlatBuffer) -> None:
        # PyTorch has the sums before the first step too, with the initial value of the optimiser,
        # not of the group.
        buffer.allocate("sum", self.defaults["initial_accumulator_value"])

    def _state_out(self, state: dict[str, Any]) -> dict[str, Any]:
        return state

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        lr, lr_decay = buffer.hyper[0], buffer.hyper[1]
        s = buffer.of(span, "sum")
        d = descent(group, buffer, span, 3)
        step = d * d
        s += step
        xp.sqrt(s, out=step)
        step += like(span, buffer.hyper[2])
        xp.divide(d, step, out=step)
        step *= like(span, lr / (1 + span.count[0] * lr_decay))
        values = span.values
        values -= step
        span.count[0] += 1


class Adadelta(FlatOptimizer):
    """The gradient times the root of the average squared step over that of the squared gradient.

    With ``d = g + weight_decay p``: ``v = rho v + (1 - rho) d²``,
    ``s = d sqrt(u + eps) / sqrt(v + eps)``, ``u = rho u + (1 - rho) s²``, ``p = p - lr s``.

    Source: Zeiler, Adadelta: an adaptive learning rate method (2012).

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        The parameters, or groups of them with options of their own.
    lr : float
        Factor of the step. Default: 1.
    rho : float
        How much of the averages is kept in a step. Default: 0.9.
    eps : float
        Default: 1e-6.
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
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
    ):
        check_at_least_zero(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_at_least_zero(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        return group["lr"], group["rho"], group["eps"], group["weight_decay"]

    @quiet
    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        xp = buffer.backend.xp
        lr, rho, eps = (like(span, buffer.hyper[i]) for i in range(3))
        rest = like(span, 1 - buffer.hyper[1])
        v = buffer.of(span, "square_avg")
        u = buffer.of(span, "acc_delta")
        d = descent(group, buffer, span, 3)
        v *= rho
        v += d * d * rest
        step = u + eps
        step /= v + eps
        xp.sqrt(step, out=step)
        step *= d
        u *= rho
        u += step * step * rest
        values = span.values
        values -= step * lr
        span.count[0] += 1
