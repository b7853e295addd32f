"""`Fitting`: one call of `Trainer.fit`, from its first step to its last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..autograd import Variable, no_grad
from ..backend import backend_for
from ..optim.lr_scheduler import ReduceLROnPlateau
from .batches import batches_of, moved, samples_in
from .callback import Callback
from .interruption import Interrupted, Interruption
from .measurements import Measurements
from .nonfinite import NonFiniteLoss, Origin, watched
from .resumable import Pass
from .state import copied

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Fitting", "measured"]

#: Seconds between looks at the loss, which wait for the device.
_LOOK_EVERY = 0.25
#: Seconds after which a copy of the state is taken anew, from which a bad step is repeated.
_COPY_EVERY = 10.0

_NO_LAYER = "every layer's output is finite, so it is the loss function's doing"


class Fitting:
    """Runs the epochs of one `Trainer.fit`.

    Parameters
    ----------
    trainer : Trainer
    validation : iterable or None
        What is evaluated after each epoch.
    callbacks : sequence of Callback
    interruption : Interruption
        Is looked at between steps.
    """

    def __init__(
        self,
        trainer: Trainer,
        validation: Iterable[Any] | None,
        callbacks: Sequence[Callback],
        interruption: Interruption,
    ):
        self.trainer = trainer
        self.validation = validation
        self.callbacks = callbacks
        self.interruption = interruption
        self._copy: dict[str, Any] | None = None

    def tell(self, event: str, *arguments: Any) -> None:
        """Call the method `event` of every callback that has one of its own."""
        for listen in self._listeners(event):
            listen(self.trainer, *arguments)

    def _listeners(self, event: str) -> list[Any]:
        base = getattr(Callback, event)
        return [
            getattr(callback, event)
            for callback in self.callbacks
            if getattr(type(callback), event) is not base
        ]

    def _stop_if_interrupted(self) -> None:
        """End the run if a signal has come. To be called where the state is whole."""
        if self.interruption.number:
            self.tell("on_interrupt")
            raise Interrupted(self.interruption.number)

    # --- an epoch -------------------------------------------------------------------------------

    def epoch(self) -> None:
        """Take what is left of the present epoch, and evaluate."""
        trainer = self.trainer
        batches = trainer._begin_pass()
        current = trainer._current
        assert current is not None
        self.tell("on_epoch_begin")
        self._all_steps(batches)
        current.stop()
        if not len(current.measurements):
            raise ValueError("fit: the loader gave no mini-batch")
        record = self._record(current)
        trainer.history.append(record)
        trainer.epoch += 1
        trainer.batch = 0
        trainer._current = None
        self._schedule(record)
        self.tell("on_epoch_end", record)
        self._stop_if_interrupted()

    def _all_steps(self, batches: Iterator[Any]) -> None:
        trainer = self.trainer
        _train_mode(trainer)
        self._copy = copied(trainer._position())
        next_copy = perf_counter() + _COPY_EVERY
        next_look = perf_counter() + _LOOK_EVERY
        listeners = self._listeners("on_batch_end")
        for samples in self._steps(batches):
            for listen in listeners:
                listen(trainer, samples)
            now = perf_counter()
            if now > next_look:
                self.look()
                if now > next_copy:
                    self._copy = copied(trainer._position())
                    # A state that takes long to copy is copied less often.
                    next_copy = now + max(_COPY_EVERY, 50 * (perf_counter() - now))
                next_look = perf_counter() + _LOOK_EVERY
            self._stop_if_interrupted()
        self.look()

    def _steps(self, batches: Iterator[Any]) -> Iterator[int]:
        """Take a step for each value that is asked for: the samples of its mini-batch."""
        trainer = self.trainer
        measurements = trainer._current.measurements  # type: ignore[union-attr]
        device = trainer.device
        by_step = trainer.scheduler if trainer.scheduler_interval == "step" else None
        for batch in batches:
            batch = moved(batch, device)
            values = trainer.training_step(batch)
            samples = samples_in(batch)
            measurements.add(_named(values), samples)
            if by_step is not None:
                by_step.step()
            trainer.batch += 1
            trainer.step += 1
            yield samples

    def _record(self, current: Pass) -> dict[str, Any]:
        record: dict[str, Any] = {"epoch": self.trainer.epoch + 1, "step": self.trainer.step}
        means = current.measurements.means()
        record.update({f"train_{name}": value for name, value in means.items()})
        if self.validation is not None:
            means = self._validate(self.validation)
            record.update({f"val_{name}": value for name, value in means.items()})
        record["seconds"] = current.elapsed()
        record["samples_per_second"] = sum(current.measurements.samples) / record["seconds"]
        return record

    def _schedule(self, record: dict[str, Any]) -> None:
        trainer = self.trainer
        if trainer.scheduler is None or trainer.scheduler_interval == "step":
            return
        if isinstance(trainer.scheduler, ReduceLROnPlateau):
            trainer.scheduler.step(record.get("val_loss", record.get("train_loss")))
        else:
            trainer.scheduler.step()

    def _validate(self, loader: Iterable[Any]) -> dict[str, float]:
        trainer = self.trainer
        random = trainer._random()

        def stop_if_interrupted() -> None:
            if self.interruption.number:
                trainer._set_random(random)  # so that the evaluation, repeated, is the same
                self._stop_if_interrupted()

        try:
            found = measured(trainer, loader, stop_if_interrupted)
            self._look_at_validation(found, loader)
        finally:
            _train_mode(trainer)
        return found.means()

    # --- losses that are not finite -------------------------------------------------------------

    def look(self) -> None:
        """Raise `NonFiniteLoss` if a step of the present epoch had such a loss."""
        trainer = self.trainer
        found = trainer._current.measurements.first_not_finite() if trainer._current else None
        if found is None:
            return
        bad, name, value = found
        step = trainer.step - trainer.batch + bad + 1
        origin = self._origin(bad)
        raise NonFiniteLoss(name, value, step, trainer.epoch + 1, bad + 1, origin)

    def _origin(self, bad: int) -> str | None:
        """What was not finite first in step `bad` of this epoch, found by repeating it."""
        trainer = self.trainer
        if self._copy is None or self._copy["batch"] > bad:
            return None
        trainer._load_position(self._copy)
        batches = trainer._begin_pass()
        _train_mode(trainer)
        steps = self._steps(batches)
        while trainer.batch < bad:
            if next(steps, None) is None:
                return None
        batch = moved(next(batches, None), trainer.device)
        try:
            with watched(trainer.modules(), batch):
                trainer.training_step(batch)
        except Origin as origin:
            return str(origin)
        return _NO_LAYER

    def _look_at_validation(self, found: Measurements, loader: Iterable[Any]) -> None:
        """Raise `NonFiniteLoss` if a mini-batch of the evaluation had such a loss."""
        trainer = self.trainer
        bad = found.first_not_finite()
        if bad is None:
            return
        number, name, value = bad
        batch = moved(next(batches_of(loader, number)), trainer.device)
        origin = _NO_LAYER
        try:
            with no_grad(), watched(trainer.modules(), batch):
                trainer.evaluation_step(batch)
        except Origin as seen:
            origin = str(seen)
        raise NonFiniteLoss(
            f"val_{name}", value, trainer.step, trainer.epoch + 1, number + 1, origin
        )


def measured(trainer: Trainer, loader: Iterable[Any], between: Any = None) -> Measurements:
    """What `trainer.evaluation_step` measures on each mini-batch, in evaluation mode.

    `between`, if given, is called after each.
    """
    device = trainer.device
    found = Measurements(backend_for(device))
    for module in trainer.modules().values():
        module.eval()
    with no_grad():
        for batch in batches_of(loader, 0, device):
            batch = moved(batch, device)
            found.add(_named(trainer.evaluation_step(batch)), samples_in(batch))
            if between is not None:
                between()
    if not len(found):
        raise ValueError("evaluate: the loader gave no mini-batch")
    return found


def _train_mode(trainer: Trainer) -> None:
    for module in trainer.modules().values():
        module.train()


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
