"""One cycle: up to a large learning rate and down again, in one training run."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, for_each_group

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Up from a small learning rate to `max_lr`, then down to almost nothing, in `total_steps`.

    To be called after every batch. With `cycle_momentum` the momentum (or beta1) goes the opposite
    way. With `three_phase` the way down first ends at the initial learning rate.

    Source: Smith and Topin, Super-convergence: very fast training of neural networks using large
    learning rates (2018).

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
        One for all groups or one for each.
    total_steps : int, optional
        Or give `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The part of the steps in which the learning rate rises. Default: 0.3.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
        Default: True.
    base_momentum, max_momentum : float or list of float
        Default: 0.85 and 0.95.
    div_factor : float
        ``initial = max_lr / div_factor``. Default: 25.
    final_div_factor : float
        The last learning rate is ``initial / final_div_factor``. Default: 1e4.
    three_phase : bool
        Default: False.
    last_epoch : int
        As in `LRScheduler`. Default: -1.

    Raises
    ------
    ValueError
        If an argument is out of range, the optimiser has no momentum to cycle, or there are more
        steps than `total_steps`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        max_lrs = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
            if not self.use_beta1 and "momentum" not in optimizer.defaults:
                raise ValueError(
                    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
                )
            tops = for_each_group("max_momentum", optimizer, max_momentum)
            bases = for_each_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                for group, top, base in zip(optimizer.param_groups, tops, bases):
                    self._set_momentum(group, top)
                    group["max_momentum"] = top
                    group["base_momentum"] = base
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        part = (step - start) / (end - start)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal(*ends, part))
        return lrs

    def _anneal(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


def _total_steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    named = {"total_steps": total, "epochs": epochs, "steps_per_epoch": per_epoch}
    if total is None and (epochs is None or per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name in ("total_steps",) if total is not None else ("epochs", "steps_per_epoch"):
        value = named[name]
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return total if total is not None else epochs * per_epoch  # type: ignore[operator]


def _phases(pct_start: float, total_steps: int, three_phase: bool) -> list[dict[str, Any]]:
    """The pieces of the cycle: where each ends, and between which values of a group it goes."""

    def phase(end_step: float, lrs: str, momenta: str) -> dict[str, Any]:
        (start_lr, end_lr), (start_momentum, end_momentum) = lrs.split(), momenta.split()
        return {
            "end_step": end_step,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": start_momentum,
            "end_momentum": end_momentum,
        }

    up = float(pct_start * total_steps) - 1
    last = total_steps - 1
    rise = phase(up, "initial_lr max_lr", "max_momentum base_momentum")
    if not three_phase:
        return [rise, phase(last, "max_lr min_lr", "base_momentum max_momentum")]
    down = float(2 * pct_start * total_steps) - 2
    return [
        rise,
        phase(down, "max_lr initial_lr", "base_momentum max_momentum"),
        phase(last, "initial_lr min_lr", "max_momentum max_momentum"),
    ]
