"""What may be told of a training run while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .trainer import EpochResult, Trainer

__all__ = ["Callback"]


class Callback:
    """Base class: override what you want to hear of.

    A callback that reads a value from the device (``.item()``) makes training wait for it; the
    numbers of `on_epoch_end` have been read already.
    """

    def on_fit_begin(self, trainer: Trainer, epochs: int, samples: int) -> None:
        """Training begins: so many epochs of so many samples."""

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        """One optimiser step was taken, with a mini-batch of so many samples."""

    def on_epoch_end(self, trainer: Trainer, result: EpochResult) -> None:
        """One epoch is over."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Training has ended, by an error or Ctrl-C too."""
