"""Schedules that multiply the learning rate: by steps, along a line or along a power."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "PolynomialLR",
    "StepLR",
]


class StepLR(LRScheduler):
    """``lr = lr gamma`` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float
        Default: 0.1.
    last_epoch : int
        As in `LRScheduler`. Default: -1.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._current_lrs()
        return self._times(self.gamma)

    def _start_lr(self) -> list[float]:
        return list(self.base_lrs)


class MultiStepLR(LRScheduler):
    """``lr = lr gamma`` at each of the epochs `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : iterable of int
    gamma : float
        Default: 0.1.
    last_epoch : int
        As in `LRScheduler`. Default: -1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch not in self.milestones:
            return self._current_lrs()
        return self._times(self.gamma ** self.milestones.count(self.last_epoch))

    def _start_lr(self) -> list[float]:
        return [lr * self.gamma ** bisect_right(self.milestones, 0) for lr in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        if isinstance(self.milestones, dict):  # PyTorch counts them
            self.milestones = sorted(Counter(self.milestones).elements())


class ConstantLR(LRScheduler):
    """The learning rate times `factor`, up to epoch `total_iters`.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        In [0, 1]. Default: 1/3.
    total_iters : int
        Default: 5.
    last_epoch : int
        As in `LRScheduler`. Default: -1.

    Raises
    ------
    ValueError
        If `factor` is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 <= factor <= 1:
            raise ValueError(
                f"Constant multiplicative factor expected to be between 0 and 1, got {factor}."
            )
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return self._times(self.factor)
        if self.last_epoch != self.total_iters:
            return self._current_lrs()
        return self._times(1.0 / self.factor)

    def _start_lr(self) -> list[float]:
        factor = self.factor + (self.total_iters <= 0) * (1 - self.factor)
        return [lr * factor for lr in self.base_lrs]


class LinearLR(LRScheduler):
    """The learning rate times a factor that goes in a line from `start_factor` to `end_factor`.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float
        In (0, 1]. Default: 1/3.
    end_factor : float
        In [0, 1]. Default: 1.
    total_iters : int
        The epoch in which `end_factor` is reached. Default: 5.
    last_epoch : int
        As in `LRScheduler`. Default: -1.

    Raises
    ------
    ValueError
        If a factor is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                f"to 1, got {start_factor}."
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(
                f"Ending multiplicative factor expected to be between 0 and 1, got {end_factor}."
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return self._times(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current_lrs()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return self._times(1.0 + rise / before)

    def _start_lr(self) -> list[float]:
        return [lr * self.start_factor for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """``lr = lr gamma`` in every epoch.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
    last_epoch : int
        As in `LRScheduler`. Default: -1.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._current_lrs() if self._is_initial else self._times(self.gamma)

    def _start_lr(self) -> list[float]:
        return list(self.base_lrs)


class PolynomialLR(LRScheduler):
    """``lr = initial (1 - epoch / total_iters)^power``, down to zero.

    Parameters
    ----------
    optimizer : Optimizer
    total_iters : int
        The epoch in which zero is reached. Default: 5.
    power : float
        Default: 1.
    last_epoch : int
        As in `LRScheduler`. Default: -1.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ):
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current_lrs()
        now = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return self._times((now / before) ** self.power)

    def _start_lr(self) -> list[float]:
        return list(self.base_lrs)
