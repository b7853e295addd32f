"""`Progress`: how training goes, as a bar in a terminal and as plain lines elsewhere."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .callback import Callback
from .trainer import EpochResult, Trainer

__all__ = ["Progress"]


class Progress(Callback):
    """Show epoch, loss, accuracy, samples a second and the time left.

    Parameters
    ----------
    console : rich.console.Console, optional
        Standard output by default. Where it is no terminal each epoch is one line.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console()
        self.bar: Bar | None = None

    def on_fit_begin(self, trainer: Trainer, epochs: int, samples: int) -> None:
        self.epochs = epochs
        self.begin = perf_counter()
        self.first = len(trainer.history)
        if self.console.is_terminal:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
                console=self.console,
            )
            self.task: Any = self.bar.add_task(
                f"epoch 1/{epochs}", total=epochs * samples, figures=""
            )
            self.bar.start()

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        if self.bar is not None:
            self.bar.advance(self.task, samples)

    def on_epoch_end(self, trainer: Trainer, result: EpochResult) -> None:
        done = result.epoch - self.first
        figures = (
            f"loss {result.loss:.4f}  accuracy {result.accuracy:6.1%}  "
            f"{result.samples_per_second:,.0f} samples/s"
        )
        if self.bar is not None:
            following = min(done + 1, self.epochs)
            self.bar.update(
                self.task, description=f"epoch {following}/{self.epochs}", figures=figures
            )
            return
        left = (perf_counter() - self.begin) / done * (self.epochs - done)
        width = len(str(self.epochs))
        print(
            f"epoch {done:{width}}/{self.epochs}  {figures}  {left:.1f} s left",
            file=self.console.file,
            flush=True,
        )

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
