"""`LRScheduler`: a rule for the learning rates of an optimiser's groups."""

from __future__ import annotations

import warnings
from typing import Any

from ..optimizer import Optimizer

__all__ = ["LRScheduler", "for_each_group"]


class LRScheduler:
    """The base class of all schedulers.

    A class of your own implements `get_lr`, which returns the learning rate of each group for
    ``self.last_epoch``; ``self.base_lrs`` are the ones at the start. Making a scheduler sets the
    learning rates of epoch 0; each call of `step`, after the optimiser's, goes on by one.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The epoch to go on from; its groups then have an ``"initial_lr"``. Default: -1, the start.

    Raises
    ------
    TypeError
        If `optimizer` is not one.
    KeyError
        If `last_epoch` is given and a group has no ``"initial_lr"``.
    """

    #: Whether `get_lr` is asked by the constructor rather than by `step`.
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        del self._is_initial

    def get_lr(self) -> list[float]:
        """The learning rate of each group for ``self.last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__}.get_lr")

    def _start_lr(self) -> list[float]:
        """The learning rates where `SequentialLR` starts this scheduler, at epoch 0."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rates that were set last, one for each group."""
        return self._last_lr

    def step(self) -> None:
        """Set the learning rates of the next epoch (or step, if called in each)."""
        if self._step_count == 1 and self.optimizer._opt_called is False:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in "
                "the opposite order, or the first value of the schedule is skipped.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _restart(self) -> None:
        """Begin at epoch 0, now that it is this scheduler's turn in a `SequentialLR`."""
        self.last_epoch = 0
        self._set(self._start_lr())

    def _set(self, lrs: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._current_lrs()

    def _current_lrs(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _times(self, factor: float) -> list[float]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands: numbers, texts and lists of them, fit for JSON.

        Functions that were given are not in it.
        """
        return {
            key: list(value) if isinstance(value, list) else value
            for key, value in self.__dict__.items()
            if key not in ("optimizer", "lr_lambdas")
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned. Load the optimiser's state as well."""
        own = self.__dict__
        for key, value in state_dict.items():
            if key not in ("optimizer", "lr_lambdas"):
                own[key] = list(value) if isinstance(value, list) else value


def _check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """`value` itself if it is a list with an entry for each group, otherwise that many of it."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {groups}."
        )
    return list(value)
