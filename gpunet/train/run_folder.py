"""`RunFolder`: what a training run leaves behind, and what it goes on from.

::

    runs/digits/
      config.json             what was asked for; written first
      history.jsonl           a line for each epoch
      checkpoint.safetensors  the whole state of the run, from time to time
      model.safetensors       the final weights
      curve.png               the learning curve
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from ..backend import backend_of
from ..io import replacing, save_file
from ..nn import Module
from .callback import Callback
from .curve import plot_history
from .trainer import Trainer

__all__ = ["NotARun", "RunFolder"]


class NotARun(ValueError):
    """The folder holds no run, or one that cannot be read."""


class RunFolder(Callback):
    """Keeps a run on disk while it trains.

    A checkpoint is written after the first step that ends `every` seconds after the one before,
    and at Ctrl-C, so that no more work than that can be lost; a state that takes long to write
    is written less often. Every file but the history is replaced as a whole. The history, to
    which lines are added, is written anew when a run goes on.

    Parameters
    ----------
    path : path
    every : float
        Seconds between checkpoints; 0 for one after every step.
    """

    last = True

    def __init__(self, path: str | os.PathLike[str], every: float = 30.0):
        if not every >= 0:
            raise ValueError(f"every: expected seconds, 0 or more, got {every!r}")
        self.path = Path(path)
        self.every = every
        self.saved_step: int | None = None  # that of the last checkpoint of this process
        self._next = 0.0

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def history_file(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def model_file(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def curve_file(self) -> Path:
        return self.path / "curve.png"

    # --- the configuration ----------------------------------------------------------------------

    def make(self) -> None:
        """Make the folder for a new run, before any work goes into it.

        Raises
        ------
        FileExistsError
            If it holds a run already.
        OSError
            If files cannot be made in it.
        """
        if self.config_file.exists():
            raise FileExistsError(
                errno.EEXIST,
                "there is a run in it already: --resume it, or choose another folder",
                os.fspath(self.path),
            )
        os.makedirs(self.path, exist_ok=True)
        self.check_writable()

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.json``."""
        with replacing(self.config_file) as file:
            file.write((json.dumps(config, indent=2) + "\n").encode())

    def read_config(self) -> dict[str, Any]:
        """What ``config.json`` says.

        Raises
        ------
        NotARun
            If it is not there or is no JSON object.
        """
        try:
            config = json.loads(self.config_file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise NotARun(f"{self.path} is not a run folder: it has no config.json") from None
        except ValueError as error:
            raise NotARun(f"{self.config_file} is damaged: {error}") from None
        if not isinstance(config, dict):
            raise NotARun(f"{self.config_file} is damaged: expected a JSON object")
        return config

    def check_writable(self) -> None:
        """See that files can be made here; an OSError says why not."""
        with tempfile.TemporaryFile(dir=self.path):
            pass

    # --- while it trains ------------------------------------------------------------------------

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.check_writable()
        with replacing(self.history_file) as file:
            file.writelines(_line(record) for record in trainer.history)
        self._next = perf_counter() + self.every

    def on_batch_end(self, trainer: Trainer, samples: int) -> None:
        if perf_counter() >= self._next:
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        with self.history_file.open("ab") as file:
            file.write(_line(record))
        if perf_counter() >= self._next:
            self.save(trainer)

    def on_interrupt(self, trainer: Trainer) -> None:
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the checkpoint, unless the state has gone bad: then the earlier one stays.

        Raises
        ------
        NonFiniteLoss
            If the loss has become infinite or NaN.
        OSError
            If the file cannot be written; the earlier one is whole.
        """
        begin = perf_counter()
        trainer.look()
        if _is_finite(trainer):
            trainer.save_checkpoint(self.checkpoint)
            self.saved_step = trainer.step
        end = perf_counter()
        self._next = end + max(self.every, 20 * (end - begin) if self.every else 0.0)

    def finish(self, trainer: Trainer, model: Module, metadata: Mapping[str, str]) -> None:
        """Write what the run has led to: the last checkpoint, the weights, the learning curve."""
        if self.saved_step != trainer.step:
            self.save(trainer)
        if trainer.history:
            plot_history(trainer.history, self.curve_file, self.path.name)
        save_file(model.state_dict(), self.model_file, metadata)  # last: now the run is complete


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record) + "\n").encode()


def _is_finite(trainer: Trainer) -> bool:
    """Whether all parameters are: the last step may have spoilt them, with no loss to tell."""
    for module in trainer.modules().values():
        for parameter in module.parameters():
            array = parameter.array
            if not bool(backend_of(array).xp.isfinite(array).all()):
                return False
    return True
