"""Callbacks that many runs want: `EarlyStopping`, `ModelCheckpoint`, `LearningRateMonitor`."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..io import save_file
from .callback import Callback
from .state import copied
from .trainer import Trainer

__all__ = ["EarlyStopping", "LearningRateMonitor", "ModelCheckpoint"]


class _Best(Callback):
    """Knows the best value so far of one entry of the records."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        if mode not in ("min", "max"):
            raise ValueError(f'mode: expected "min" or "max", got {mode!r}')
        if not min_delta >= 0:
            raise ValueError(f"min_delta: expected a number of 0 or more, got {min_delta!r}")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch = 0

    def improved(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is better by more than `min_delta` than all before; it is noted then."""
        try:
            value = record[self.monitor]
        except KeyError:
            known = ", ".join(record)
            raise ValueError(
                f"{type(self).__name__}: monitor: expected one of {known}, got {self.monitor!r}"
            ) from None
        gain = self.best - value if self.mode == "min" else value - self.best
        if not gain > self.min_delta:
            return False
        self.best, self.best_epoch = value, record["epoch"]
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Best):
    """End training when a value has not improved for some epochs.

    Parameters
    ----------
    monitor : str
        An entry of the records of ``trainer.history``.
    patience : int
        Epochs without improvement after which training ends.
    mode : {"min", "max"}
        Whether smaller or larger is better.
    min_delta : float
        What counts as an improvement is larger than this.
    restore_best : bool
        Put the model's weights back to those of the best epoch when training ends.

    Raises
    ------
    ValueError
        For a `patience` below 1, or when the records have no such entry.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 3,
        mode: str = "min",
        min_delta: float = 0.0,
        restore_best: bool = False,
    ):
        super().__init__(monitor, mode, min_delta)
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience: expected an integer, 1 or more, got {patience!r}")
        self.patience = patience
        self.restore_best = restore_best
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._stop_if_over(trainer)

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        if self.improved(record):
            self.waited = 0
            if self.restore_best:
                self.weights = copied(_model(trainer).state_dict())
            return
        self.waited += 1
        self._stop_if_over(trainer)
        if self.weights is not None and (trainer.stopped or trainer.epoch == trainer.target):
            _model(trainer).load_state_dict(self.weights)

    def _stop_if_over(self, trainer: Trainer) -> None:
        if self.waited >= self.patience:
            trainer.stop(
                f"{self.monitor} has not improved on {self.best:.4g}, of epoch "
                f"{self.best_epoch}, for {self.waited} epochs"
            )

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.waited, self.weights = state["waited"], state["weights"]


class ModelCheckpoint(_Best):
    """Save the model, or the whole state of the run, after epochs.

    Parameters
    ----------
    folder : path
        Where ``best.safetensors`` or ``epoch-N.safetensors`` go; made if it is not there.
    monitor : str, optional
        Save only when this entry of the records is better than ever, as ``best.safetensors``.
        Without it each epoch is saved, as ``epoch-N.safetensors``.
    mode : {"min", "max"}
    every : int
        Without `monitor`, save every so many epochs.
    weights_only : bool
        Save ``trainer.model``'s state; otherwise a checkpoint for `Trainer.load_checkpoint`.
    """

    last = True  # a checkpoint holds the state of the callbacks before it

    def __init__(
        self,
        folder: str | os.PathLike[str],
        monitor: str | None = None,
        mode: str = "min",
        every: int = 1,
        weights_only: bool = True,
    ):
        super().__init__(monitor or "", mode)
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every: expected an integer, 1 or more, got {every!r}")
        self.folder = Path(folder)
        self.every = every
        self.weights_only = weights_only

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        if self.monitor:
            if self.improved(record):
                self._save(trainer, self.folder / "best.safetensors", record)
        elif record["epoch"] % self.every == 0:
            self._save(trainer, self.folder / f"epoch-{record['epoch']}.safetensors", record)

    def _save(self, trainer: Trainer, path: Path, record: dict[str, Any]) -> None:
        if self.weights_only:
            save_file(_model(trainer).state_dict(), path, {"epoch": str(record["epoch"])})
        else:
            trainer.save_checkpoint(path)


class LearningRateMonitor(Callback):
    """Note the learning rates in the records and, where they change with each step, in a list.

    Adds ``lr`` to each record, for an optimiser of several parameter groups ``lr_0``, ``lr_1``, ...

    Attributes
    ----------
    changes : list of (int, list of float)
        The step from which on the learning rates of the groups were these.
    """

    def __init__(self) -> None:
        self.changes: list[tuple[int, list[float]]] = []

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._note(trainer)

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        self._note(trainer)

    def _note(self, trainer: Trainer) -> None:
        rates = [float(group["lr"]) for group in trainer.optimizer.param_groups]
        if not self.changes or self.changes[-1][1] != rates:
            self.changes.append((trainer.step, rates))

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        rates = self.changes[-1][1]
        if len(rates) == 1:
            record["lr"] = rates[0]
        else:
            record.update({f"lr_{i}": rate for i, rate in enumerate(rates)})

    def state_dict(self) -> dict[str, Any]:
        return {"changes": [[step, rates] for step, rates in self.changes]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.changes = [(step, list(rates)) for step, rates in state["changes"]]


def _model(trainer: Trainer) -> Any:
    if trainer.model is None:
        raise ValueError("the trainer has no `model` whose weights could be kept")
    return trainer.model
