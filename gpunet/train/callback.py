"""What may be told of a training run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Callback"]


class Callback:
    """Base class: override what you want to hear of.

    Where training stands is in the trainer: ``trainer.epoch`` (epochs that are complete),
    ``trainer.step`` (steps in all), ``trainer.batch`` (steps of this epoch) of ``trainer.batches``,
    ``trainer.history``; ``trainer.stop(reason)`` ends the run after the present epoch.

    A callback that reads a value from the device (``.item()``, ``trainer.running()``) makes
    training wait for it; the numbers of `on_epoch_end` have been read already.

    What must survive a checkpoint goes into `state_dict`.

    Attributes
    ----------
    last : bool
        Whether it is called after those that are not: for what saves the others' state.
    """

    last = False

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Training begins, or goes on from a checkpoint."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """An epoch begins, or goes on from a checkpoint within it."""

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        """One step was taken, with a mini-batch of so many samples."""

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """One epoch is complete; what is added to `record` is in the history."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """Ctrl-C or SIGTERM has come; the state is whole. Training ends with `Interrupted`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Training has ended, by an error or Ctrl-C too."""

    def state_dict(self) -> dict[str, Any]:
        """What a later run needs to go on: numbers, texts, lists, dicts and tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
