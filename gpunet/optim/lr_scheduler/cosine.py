"""Schedules along cosines: annealing, and warm restarts."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """``lr = eta_min + (initial - eta_min) (1 + cos(pi epoch / T_max)) / 2``.

    Computed from the learning rate before, so that it combines with other schedules.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    without the restarts.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        The epoch in which `eta_min` is reached.
    eta_min : float
        Default: 0.
    last_epoch : int
        As in `LRScheduler`. Default: -1.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        epoch, T_max, eta_min = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self._current_lrs()
        if self._step_count == 1 and epoch > 0:
            return self._at(math.cos(epoch * math.pi / T_max))
        if (epoch - 1 - T_max) % (2 * T_max) == 0:  # eta_min was reached: the factor would be 0/0
            return [
                group["lr"] + (base_lr - eta_min) * (1 - math.cos(math.pi / T_max)) / 2
                for base_lr, group in zip(self.base_lrs, self.optimizer.param_groups)
            ]
        now = 1 + math.cos(math.pi * epoch / T_max)
        before = 1 + math.cos(math.pi * (epoch - 1) / T_max)
        return [now / before * (lr - eta_min) + eta_min for lr in self._current_lrs()]

    def _at(self, cosine: float) -> list[float]:
        eta_min = self.eta_min
        return [eta_min + (lr - eta_min) * (1 + cosine) / 2 for lr in self.base_lrs]

    def _start_lr(self) -> list[float]:
        return self._at(1.0)


class CosineAnnealingWarmRestarts(LRScheduler):
    """``lr = eta_min + (initial - eta_min) (1 + cos(pi T_cur / T_i)) / 2``, again and again.

    T_cur counts epochs since the last restart and T_i is the length of the present run, which
    becomes `T_mult` times as long at each restart.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017).

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
        The length of the first run.
    T_mult : int
        Default: 1.
    eta_min : float
        Default: 0.
    last_epoch : int
        As in `LRScheduler`. Default: -1.

    Raises
    ------
    ValueError
        If `T_0` or `T_mult` is not a positive integer.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        eta_min = self.eta_min
        cosine = math.cos(math.pi * self.T_cur / self.T_i)
        return [eta_min + (lr - eta_min) * (1 + cosine) / 2 for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:  # type: ignore[override]
        """Set the learning rates of the next epoch, or of `epoch`, which may be a fraction.

        Raises
        ------
        ValueError
            If `epoch` is negative.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        elif epoch < self.T_0:
            self.T_i = self.T_0
            self.T_cur = epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # After n runs T_0 (T_mult^n - 1) / (T_mult - 1) epochs have gone.
            runs = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**runs - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**runs
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())
