"""`Progress`: how training goes, as a bar in a terminal and as plain lines elsewhere."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .callback import Callback
from .trainer import Trainer

__all__ = ["Progress"]

#: Seconds between two looks at the running loss, for which training waits.
_EVERY = 0.25


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

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.begin = self.looked = perf_counter()
        if self.console.is_terminal and trainer.epoch < trainer.target:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
                console=self.console,
            )
            self.task: Any = self.bar.add_task("", total=None, figures="")
            self.bar.start()
            self._show(trainer, "")

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        if self.bar is None:
            return
        now = perf_counter()
        if now - self.looked > _EVERY:
            rate = trainer.samples / max(trainer.seconds, 1e-9)
            self._show(trainer, _figures(trainer.running(), rate))
            self.looked = perf_counter()

    def _show(self, trainer: Trainer, figures: str) -> None:
        if self.bar is None:
            return
        epoch = min(trainer.epoch + 1, trainer.target)
        self.bar.update(
            self.task,
            description=f"epoch {epoch}/{trainer.target}",
            total=trainer.batches and trainer.target * trainer.batches,
            completed=trainer.epoch * (trainer.batches or 0) + trainer.batch,
            figures=figures,
        )

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        figures = _figures(_without_prefix(record, "train_"), record["samples_per_second"])
        validated = _without_prefix(record, "val_")
        if self.bar is not None:
            self._show(trainer, figures)
            return
        shown = [f"{name} {_number(name, value)}" for name, value in validated.items()]
        # By this epoch alone: the first one may have compiled kernels.
        now = perf_counter()
        left = f"{(now - self.begin) * (trainer.target - trainer.epoch):.1f} s left"
        self.begin = now
        width = len(str(trainer.target))
        parts = [f"epoch {trainer.epoch:{width}}/{trainer.target}", figures]
        if shown:
            parts.append("held out: " + "  ".join(shown))
        print("  ".join([*parts, left]), file=self.console.file, flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def _without_prefix(record: dict[str, Any], prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v for k, v in record.items() if k.startswith(prefix)}


def _figures(means: dict[str, float], rate: float) -> str:
    shown = [f"{name} {_number(name, value)}" for name, value in means.items()]
    return "  ".join([*shown, f"{rate:,.0f} samples/s"])


def _number(name: str, value: float) -> str:
    return f"{value:6.1%}" if name == "accuracy" else f"{value:.4f}"
