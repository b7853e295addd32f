"""`Trainer`: epochs of optimiser steps that can be watched, stopped, and resumed exactly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from time import perf_counter
from typing import Any

import numpy as np

from ..autograd import Variable, no_grad
from ..backend import Device, backend_for
from ..backend.rng import Generator, default_generator
from ..io import load_state, save_state
from ..nn import Module
from ..nn.utils import clip_grad_norm_
from ..optim import Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau
from .batches import batches_of, moved, samples_in
from .callback import Callback
from .interruption import Interrupted, Interruption, deferred
from .measurements import Measurements
from .nonfinite import NonFiniteLoss, Origin, watched
from .state import copied, load_objects, objects_of, states_of

__all__ = ["Trainer"]

#: Seconds between looks at the loss, which wait for the device.
_LOOK_EVERY = 0.25
#: Seconds after which a copy of the state is taken anew, from which a bad step is repeated.
_COPY_EVERY = 10.0
_CHECKPOINT = "gpunet checkpoint"


class Trainer:
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
    ):
        if scheduler_interval not in ("epoch", "step"):
            raise ValueError(
                f'scheduler_interval: expected "epoch" or "step", got {scheduler_interval!r}'
            )
        self.model = model
        self.loss_fn = loss_fn
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.metrics = dict(metrics or {})
        self.scheduler_interval = scheduler_interval
        self.max_norm = max_norm
        self.epoch = self.step = self.batch = self.target = 0
        self.batches: int | None = None
        self.history: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self._callbacks: list[Callback] = []
        self._callback_states: dict[str, Any] = {}
        self._loader: Any = ()
        self._pass: _Pass | None = None
        self._random_to_set: Mapping[str, Any] | None = None
        self._copy: dict[str, Any] | None = None
        self._interruption = Interruption()

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
            Gives the mini-batches of one pass each time it is iterated over.
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
        self._load_callbacks()
        if self._random_to_set is not None:  # now that the loader, and its generator, is known
            self._set_random(self._random_to_set)
            self._random_to_set = None
        self.target = self.epoch + epochs
        self.batches = len(loader) if isinstance(loader, Sized) else None
        self.stopped = None
        # A loss that overflows is looked at below.
        with deferred() as self._interruption, np.errstate(all="ignore"):
            try:
                self._tell("on_fit_begin")
                while self.epoch < self.target and self.stopped is None:
                    self._epoch(validation)
            finally:
                self._copy = None
                self._tell("on_fit_end")
        return self.history

    def stop(self, reason: str = "stopped") -> None:
        """End `fit` after the present epoch."""
        self.stopped = reason

    def running(self) -> dict[str, float]:
        """The means of what the present epoch has measured so far. This waits for the device."""
        return self._pass.measurements.means() if self._pass else {}

    @property
    def seconds(self) -> float:
        """Training time of the present epoch so far, before an interruption included."""
        return self._pass.elapsed() if self._pass else 0.0

    @property
    def samples(self) -> int:
        """Samples of the present epoch so far."""
        return sum(self._pass.measurements.samples) if self._pass else 0

    def _epoch(self, validation: Iterable[Any] | None) -> None:
        batches = self._begin_pass()
        current = self._pass
        assert current is not None
        self._tell("on_epoch_begin")
        self._train_mode()
        self._copy = self._copy_of_state()
        next_copy = perf_counter() + _COPY_EVERY
        next_look = perf_counter() + _LOOK_EVERY
        listeners = self._listeners("on_batch_end")
        for samples in self._steps(batches):
            for listen in listeners:
                listen(self, samples)
            now = perf_counter()
            if now > next_look:
                self.look()
                if now > next_copy:
                    self._copy = self._copy_of_state()
                    # A state that takes long to copy is copied less often.
                    next_copy = now + max(_COPY_EVERY, 50 * (perf_counter() - now))
                next_look = perf_counter() + _LOOK_EVERY
            if self._interruption.number:
                self._interrupted()
        self.look()
        current.stop()
        if not len(current.measurements):
            raise ValueError("fit: the loader gave no mini-batch")
        record = self._record(current, validation)
        self.history.append(record)
        self.epoch += 1
        self.batch = 0
        self._pass = None
        self._schedule(record)
        self._tell("on_epoch_end", record)
        if self._interruption.number:
            self._interrupted()

    def _steps(self, batches: Iterator[Any]) -> Iterator[int]:
        """Take a step for each value that is asked for: the samples of its mini-batch."""
        measurements = self._pass.measurements  # type: ignore[union-attr]
        device = self.device
        by_step = self.scheduler if self.scheduler_interval == "step" else None
        for batch in batches:
            batch = moved(batch, device)
            values = self.training_step(batch)
            samples = samples_in(batch)
            measurements.add(_named(values), samples)
            if by_step is not None:
                by_step.step()
            self.batch += 1
            self.step += 1
            yield samples

    def _record(self, current: _Pass, validation: Iterable[Any] | None) -> dict[str, Any]:
        record: dict[str, Any] = {"epoch": self.epoch + 1, "step": self.step}
        means = current.measurements.means()
        record.update({f"train_{name}": value for name, value in means.items()})
        if validation is not None:
            random = self._random()
            try:
                measured = self._evaluate(validation, random)
            finally:
                self._train_mode()
            self._look_at_validation(measured, validation)
            record.update({f"val_{name}": value for name, value in measured.means().items()})
        record["seconds"] = current.elapsed()
        record["samples_per_second"] = sum(current.measurements.samples) / record["seconds"]
        return record

    def _schedule(self, record: dict[str, Any]) -> None:
        if self.scheduler is None or self.scheduler_interval == "step":
            return
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(record.get("val_loss", record.get("train_loss")))
        else:
            self.scheduler.step()

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
                return self._evaluate(loader).means()
        finally:
            for module, training in modes:
                module.train(training)

    def _evaluate(self, loader: Iterable[Any], random: Any = None) -> Measurements:
        device = self.device
        measured = Measurements(backend_for(device))
        for module in self.modules().values():
            module.eval()
        with no_grad():
            for batch in batches_of(loader):
                batch = moved(batch, device)
                measured.add(_named(self.evaluation_step(batch)), samples_in(batch))
                if random is not None and self._interruption.number:
                    self._set_random(random)  # so that the evaluation, repeated, is the same
                    self._interrupted()
        if not len(measured):
            raise ValueError("evaluate: the loader gave no mini-batch")
        return measured

    # --- the pieces of a pass -------------------------------------------------------------------

    def _begin_pass(self) -> Iterator[Any]:
        """The mini-batches that are left of this epoch."""
        if self._pass is None:
            self._pass = _Pass(self._random(), Measurements(backend_for(self.device)))
            return batches_of(self._loader)
        # The order is drawn again as it was drawn then; after it come the numbers of now.
        now = self._random()
        self._set_random(self._pass.random)
        batches = batches_of(self._loader, self.batch)
        self._set_random(now)
        self._pass.start()
        return batches

    def _generators(self) -> dict[str, Generator]:
        generators = {"default": default_generator}
        own = getattr(self._loader, "generator", None)
        if isinstance(own, Generator) and own is not default_generator:
            generators["loader"] = own
        return generators

    def _random(self) -> dict[str, Any]:
        return {name: generator.get_state() for name, generator in self._generators().items()}

    def _set_random(self, states: Mapping[str, Any]) -> None:
        for name, generator in self._generators().items():
            if name in states:
                generator.set_state(states[name])

    def modules(self) -> dict[str, Module]:
        """The modules among the attributes, by name."""
        return {k: v for k, v in objects_of(self).items() if isinstance(v, Module)}

    def _train_mode(self) -> None:
        for module in self.modules().values():
            module.train()

    @property
    def device(self) -> Device:
        """Where the first parameter is; mini-batches are moved there."""
        for module in self.modules().values():
            for parameter in module.parameters():
                return parameter.device  # type: ignore[attr-defined]
        return Device("cpu")

    # --- callbacks ------------------------------------------------------------------------------

    def _listeners(self, event: str) -> list[Any]:
        """The methods for `event` of those callbacks that define it."""
        base = getattr(Callback, event)
        return [
            getattr(callback, event)
            for callback in self._callbacks
            if getattr(type(callback), event) is not base
        ]

    def _tell(self, event: str, *arguments: Any) -> None:
        for listen in self._listeners(event):
            listen(self, *arguments)

    def _interrupted(self) -> None:
        self._tell("on_interrupt")
        raise Interrupted(self._interruption.number)

    # --- losses that are not finite -------------------------------------------------------------

    def look(self) -> None:
        """Raise `NonFiniteLoss` if a step of the present epoch had such a loss.

        `fit` does it a few times a second. This waits for the device.
        """
        found = self._pass.measurements.first_not_finite() if self._pass else None
        if found is None:
            return
        bad, name, value = found
        step = self.step - self.batch + bad + 1
        origin = self._origin(bad)
        raise NonFiniteLoss(name, value, step, self.epoch + 1, bad + 1, origin)

    def _origin(self, bad: int) -> str | None:
        """What was not finite first in step `bad` of this epoch, found by repeating it."""
        if self._copy is None or self._copy["batch"] > bad:
            return None
        self._load(self._copy)
        batches = self._begin_pass()
        self._train_mode()
        steps = self._steps(batches)
        while self.batch < bad:
            if next(steps, None) is None:
                return None
        batch = next(batches, None)
        try:
            with watched(self.modules(), moved(batch, self.device)):
                self.training_step(moved(batch, self.device))
        except Origin as origin:
            return str(origin)
        return "every layer's output is finite, so it is the loss function's doing"

    def _look_at_validation(self, measured: Measurements, validation: Iterable[Any]) -> None:
        """Raise `NonFiniteLoss` if a mini-batch of the evaluation had such a loss."""
        found = measured.first_not_finite()
        if found is None:
            return
        bad, name, value = found
        batch = moved(next(batches_of(validation, bad)), self.device)
        origin = "every layer's output is finite, so it is the loss function's doing"
        for module in self.modules().values():
            module.eval()
        try:
            with no_grad(), watched(self.modules(), batch):
                self.evaluation_step(batch)
        except Origin as seen:
            origin = str(seen)
        raise NonFiniteLoss(f"val_{name}", value, self.step, self.epoch + 1, bad + 1, origin)

    # --- the state ------------------------------------------------------------------------------

    def _position(self) -> dict[str, Any]:
        """The state without history and callbacks; its arrays may be the objects' own."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "batch": self.batch,
            "random": self._random(),
            "pass": self._pass.state_dict() if self._pass else None,
            "objects": states_of(objects_of(self)),
        }

    def _copy_of_state(self) -> dict[str, Any]:
        return copied(self._position())

    def _load(self, state: Mapping[str, Any]) -> None:
        objects = objects_of(self)
        load_objects(objects, state["objects"])
        for thing in objects.values():
            if isinstance(thing, Optimizer) and state["step"]:
                thing._opt_called = True  # in the run's earlier part: schedulers ask for it
        self.epoch, self.step, self.batch = state["epoch"], state["step"], state["batch"]
        self._pass = None
        if state["pass"] is not None:
            self._pass = _Pass({}, Measurements(backend_for(self.device)))
            self._pass.load_state_dict(state["pass"])
        self._set_random(state["random"])

    def state_dict(self) -> dict[str, Any]:
        """All that a later run needs to go on from here; fit for `gpunet.io.save_state`."""
        callbacks = dict(self._callback_states)
        callbacks.update({k: c.state_dict() for k, c in _by_name(self._callbacks).items()})
        return {**self._position(), "history": list(self.history), "callbacks": callbacks}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; callbacks take their part when `fit` begins.

        Raises
        ------
        ValueError
            If a part does not fit this trainer.
        """
        self._load(state)
        self._random_to_set = state["random"]
        self.history = [dict(record) for record in state["history"]]
        self._callback_states = dict(state["callbacks"])

    def _load_callbacks(self) -> None:
        for name, callback in _by_name(self._callbacks).items():
            if name in self._callback_states:
                callback.load_state_dict(self._callback_states.pop(name))

    def save_checkpoint(self, filename: str | os.PathLike[str]) -> None:
        """Write the whole state to a safetensors file; an earlier file stays whole if that fails.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        save_state(self.state_dict(), filename, _CHECKPOINT)

    def load_checkpoint(self, filename: str | os.PathLike[str]) -> None:
        """Go on from what `save_checkpoint` wrote, on whatever device.

        Raises
        ------
        FileNotFoundError
        ValueError
            If the file is damaged, is no checkpoint, or belongs to another model.
        """
        state = load_state(filename, _CHECKPOINT)
        try:
            self.load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(filename)}: {error}") from error


class _Pass:
    """One pass through the training data, while it lasts."""

    def __init__(self, random: Mapping[str, Any], measurements: Measurements):
        self.random = random  # the generators' states at its beginning
        self.measurements = measurements
        self.before = 0.0
        self.start()

    def start(self) -> None:
        self.begun: float | None = perf_counter()

    def stop(self) -> None:
        self.before = self.elapsed()
        self.begun = None

    def elapsed(self) -> float:
        return self.before + (perf_counter() - self.begun if self.begun is not None else 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {
            "random": self.random,
            "seconds": self.elapsed(),
            "measurements": self.measurements.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.random = state["random"]
        self.before = state["seconds"]
        self.measurements.load_state_dict(state["measurements"])


def _named(values: Mapping[str, Any] | Variable | None) -> Mapping[str, Any]:
    """What a step returned, as a mapping."""
    if isinstance(values, dict):
        return values
    if values is None:
        return {}
    if isinstance(values, Variable):
        return {"loss": values}
    if isinstance(values, Mapping):
        return values
    raise TypeError(
        "training_step, evaluation_step: expected a mapping of names to values, a tensor or None, "
        f"got {type(values).__name__}"
    )


def _by_name(callbacks: Iterable[Callback]) -> dict[str, Callback]:
    """The callbacks by class, numbered where one class has several."""
    named: dict[str, Callback] = {}
    for callback in callbacks:
        name = kind = type(callback).__name__
        number = 1
        while name in named:
            number += 1
            name = f"{kind} {number}"
        named[name] = callback
    return named
