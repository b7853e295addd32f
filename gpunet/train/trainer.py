"""`Trainer`: epochs of optimiser steps that can be watched, stopped, and resumed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from ..autograd import Variable
from ..nn import Module
from ..nn.utils import clip_grad_norm_
from .callback import Callback
from .fitting import Fitting, measured
from .interruption import deferred
from .resumable import Resumable

__all__ = ["Trainer"]


class Trainer(Resumable):
    """Takes optimiser steps, epoch after epoch, and evaluates after each.

    Everything that the run consists of is part of its state: modules, optimisers, schedulers and
    generators among the trainer's attributes (in lists and dicts too), the default random
    generator, the place in the epoch, what was measured so far, the callbacks' states. A run that
    goes on from a checkpoint ends, on the CPU and with as many threads, with the same bits as one
    that was never interrupted.

    For anything but one model, one loss and one optimiser, override `training_step` and
    `evaluation_step`::

        class GAN(Trainer):
            def __init__(self, generator, discriminator):
                super().__init__()
                self.generator, self.discriminator = generator, discriminator
                self.optimizers = {...}

            def training_step(self, batch):
                ...
                return {"generator_loss": a, "discriminator_loss": b}

    Parameters
    ----------
    model : Module, optional
    loss_fn : callable, optional
        From the model's output and the targets to the mean loss of the mini-batch.
    optimizer : Optimizer, optional
    scheduler : LRScheduler, optional
        Takes a step after each epoch, `ReduceLROnPlateau` with ``val_loss`` (``train_loss`` where
        nothing is validated).
    metrics : mapping of str to callable, optional
        From output and targets to the mean over the mini-batch, beside the loss.
    scheduler_interval : {"epoch", "step"}
        Whether the scheduler takes its step after each epoch or after each mini-batch.
    max_norm : float, optional
        Clip the norm of the gradients to this before each step.
    augment : callable, optional
        From the inputs of a mini-batch, on the model's device, to those that the step is taken
        with, as the transforms of `gpunet.augment`; not in evaluation. What it draws from the
        default generator is drawn anew, bit for bit, by a run that is resumed.

    Attributes
    ----------
    epoch : int
        Epochs that are complete.
    step : int
        Steps taken in all.
    batch, batches : int
        Steps taken in the present epoch, and how many it has (None if that is not known).
    target : int
        The number of epochs at which the present `fit` ends.
    history : list of dict
        A record for each complete epoch: epoch, step, train_loss, val_loss, ... , seconds.
    stopped : str or None
        Why `stop` was called.
    """

    def __init__(
        self,
        model: Module | None = None,
        loss_fn: Callable[[Any, Any], Any] | None = None,
        optimizer: Any = None,
        scheduler: Any = None,
        *,
        metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
        scheduler_interval: str = "epoch",
        max_norm: float | None = None,
        augment: Callable[[Any], Any] | None = None,
    ):
        if scheduler_interval not in ("epoch", "step"):
            raise ValueError(
                f'scheduler_interval: expected "epoch" or "step", got {scheduler_interval!r}'
            )
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.metrics = dict(metrics or {})
        self.scheduler_interval = scheduler_interval
        self.max_norm = max_norm
        self.augment = augment
        self.target = 0
        self.batches: int | None = None
        self.stopped: str | None = None
        self._fitting: Fitting | None = None

    # --- what one step does: to be overridden ---------------------------------------------------

    def training_step(self, batch: Any) -> Mapping[str, Any] | Variable | None:
        """One optimiser step on one mini-batch.

        Parameters
        ----------
        batch : as the loader gives it
            With its tensors on the model's device. This implementation expects a pair: inputs,
            targets.

        Returns
        -------
        mapping of str to scalar tensor or number
            Means over the mini-batch, the same names in every step; names that end in "loss" are
            watched for values that are not finite. A tensor alone is the loss.
        """
        inputs, targets = batch
        if self.augment is not None:
            inputs = self.augment(inputs)
        output = self.model(inputs)  # type: ignore[misc]
        loss = self.loss_fn(output, targets)  # type: ignore[misc]
        self.optimizer.zero_grad()
        loss.backward()
        if self.max_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.max_norm)  # type: ignore[union-attr]
        self.optimizer.step()
        return self._values(loss, output, targets)

    def evaluation_step(self, batch: Any) -> Mapping[str, Any] | Variable | None:
        """What is measured on one mini-batch in evaluation mode; nothing is recorded for backward.

        Takes and returns what `training_step` does.
        """
        inputs, targets = batch
        output = self.model(inputs)  # type: ignore[misc]
        return self._values(self.loss_fn(output, targets), output, targets)  # type: ignore[misc]

    def _values(self, loss: Any, output: Any, targets: Any) -> dict[str, Any]:
        values = {"loss": loss}
        if self.metrics:
            output = output.detach()
            for name, metric in self.metrics.items():
                values[name] = metric(output, targets)
        return values

    # --- the loop -------------------------------------------------------------------------------

    def fit(
        self,
        loader: Iterable[Any],
        epochs: int,
        validation: Iterable[Any] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> list[dict[str, Any]]:
        """Take `epochs` passes through `loader`, with one step for each mini-batch.

        An epoch in whose midst a checkpoint was written is finished first and counts as one.

        Parameters
        ----------
        loader : DataLoader or other iterable
            Gives the mini-batches of one pass each time it is iterated over. Where the data of a
            DataLoader are on the host and the model is not, each mini-batch is sent to it while
            the one before is worked on; data that are where the model is (``dataset.to(device)``)
            need no copies.
        epochs : int
        validation : DataLoader or other iterable, optional
            Is evaluated after each epoch.
        callbacks : sequence of Callback

        Returns
        -------
        list of dict
            `history`: a record for each epoch, those of earlier calls included.

        Raises
        ------
        NonFiniteLoss
            If a loss is not finite: with the step, and the layer where that began. The state is
            that before the step.
        Interrupted
            After Ctrl-C or SIGTERM, between two steps, when the callbacks have been told.
        ValueError
            If there is no mini-batch.
        """
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
            raise ValueError(f"fit: epochs: expected an integer, 0 or more, got {epochs!r}")
        self._loader = loader
        self._callbacks = sorted(callbacks, key=lambda callback: callback.last)
        self._load_the_rest()
        self.target = self.epoch + epochs
        self.batches = len(loader) if isinstance(loader, Sized) else None
        self.stopped = None
        # A loss that overflows is looked at, where the fitting does.
        with deferred() as interruption, np.errstate(all="ignore"):
            fitting = self._fitting = Fitting(self, validation, self._callbacks, interruption)
            try:
                fitting.tell("on_fit_begin")
                while self.epoch < self.target and self.stopped is None:
                    fitting.epoch()
            finally:
                self._fitting = None
                fitting.tell("on_fit_end")
        return self.history

    def stop(self, reason: str = "stopped") -> None:
        """End `fit` after the present epoch."""
        self.stopped = reason

    def running(self) -> dict[str, float]:
        """The means of what the present epoch has measured so far. This waits for the device."""
        return self._current.measurements.means() if self._current else {}

    @property
    def seconds(self) -> float:
        """Training time of the present epoch so far, before an interruption included."""
        return self._current.elapsed() if self._current else 0.0

    @property
    def samples(self) -> int:
        """Samples of the present epoch so far."""
        return sum(self._current.measurements.samples) if self._current else 0

    def look(self) -> None:
        """Raise `NonFiniteLoss` if a step of the present epoch had a loss that is not finite.

        `fit` does it a few times a second. This waits for the device.
        """
        if self._fitting is not None:
            self._fitting.look()

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """The means over the samples of what `evaluation_step` measures, in evaluation mode.

        Raises
        ------
        ValueError
            If there is no mini-batch.
        """
        modes = [(module, module.training) for module in self.modules().values()]
        try:
            with np.errstate(all="ignore"):
                return measured(self, loader).means()
        finally:
            for module, training in modes:
                module.train(training)
