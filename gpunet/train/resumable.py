"""`Resumable`: where a training run stands, and all that it needs to go on from there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any

from ..backend import Device, backend_for
from ..backend.rng import Generator, default_generator
from ..io import load_state, save_state
from ..nn import Module
from ..optim import Optimizer
from .batches import batches_of
from .callback import Callback
from .measurements import Measurements
from .state import load_objects, objects_of, states_of

__all__ = ["Resumable"]

_CHECKPOINT = "gpunet checkpoint"


class Pass:
    """One pass through the training data, while it lasts.

    Attributes
    ----------
    random : mapping
        The states of the random generators at its beginning.
    measurements : Measurements
    """

    def __init__(self, random: Mapping[str, Any], measurements: Measurements):
        self.random = random
        self.measurements = measurements
        self._before = 0.0
        self.start()

    def start(self) -> None:
        """Let the clock run."""
        self._begun: float | None = perf_counter()

    def stop(self) -> None:
        """Stop the clock."""
        self._before = self.elapsed()
        self._begun = None

    def elapsed(self) -> float:
        """Seconds for which the clock has run, before an interruption included."""
        return self._before + (perf_counter() - self._begun if self._begun is not None else 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {
            "random": self.random,
            "seconds": self.elapsed(),
            "measurements": self.measurements.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.random = state["random"]
        self._before = state["seconds"]
        self.measurements.load_state_dict(state["measurements"])


class Resumable:
    """The state of a training run: the part of `Trainer` that does not train.

    Attributes
    ----------
    epoch, step, batch, history
        As of `Trainer`.
    """

    def __init__(self) -> None:
        self.epoch = self.step = self.batch = 0
        self.history: list[dict[str, Any]] = []
        self._current: Pass | None = None  # the pass that has begun and is not complete
        self._loader: Any = ()  # what it goes through
        self._callbacks: list[Callback] = []  # those of the present fit
        self._callback_states: dict[str, Any] = {}
        self._random_to_set: Mapping[str, Any] | None = None

    def modules(self) -> dict[str, Module]:
        """The modules among the attributes, by name."""
        return {k: v for k, v in objects_of(self).items() if isinstance(v, Module)}

    @property
    def device(self) -> Device:
        """Where the first parameter is; mini-batches are moved there."""
        for module in self.modules().values():
            for parameter in module.parameters():
                return parameter.device  # type: ignore[attr-defined]
        return Device("cpu")

    # --- one pass and its random numbers --------------------------------------------------------

    def _begin_pass(self) -> Iterator[Any]:
        """The mini-batches that are left of this epoch."""
        if self._current is None:
            self._current = Pass(self._random(), Measurements(backend_for(self.device)))
            return batches_of(self._loader, 0, self.device)
        # The order is drawn again as it was drawn then; after it come the numbers of now.
        now = self._random()
        self._set_random(self._current.random)
        batches = batches_of(self._loader, self.batch, self.device)
        self._set_random(now)
        self._current.start()
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

    # --- the state ------------------------------------------------------------------------------

    def _position(self) -> dict[str, Any]:
        """The state without history and callbacks; its arrays may be the objects' own."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "batch": self.batch,
            "random": self._random(),
            "pass": self._current.state_dict() if self._current else None,
            "objects": states_of(objects_of(self)),
        }

    def _load_position(self, state: Mapping[str, Any]) -> None:
        objects = objects_of(self)
        load_objects(objects, state["objects"])
        for thing in objects.values():
            if isinstance(thing, Optimizer) and state["step"]:
                thing._opt_called = True  # in the run's earlier part: schedulers ask for it
        self.epoch, self.step, self.batch = state["epoch"], state["step"], state["batch"]
        self._current = None
        if state["pass"] is not None:
            self._current = Pass({}, Measurements(backend_for(self.device)))
            self._current.load_state_dict(state["pass"])
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
        self._load_position(state)
        self._random_to_set = state["random"]
        self.history = [dict(record) for record in state["history"]]
        self._callback_states = dict(state["callbacks"])

    def _load_the_rest(self) -> None:
        """Load what had to wait until the loader, with its generator, and callbacks are known."""
        for name, callback in _by_name(self._callbacks).items():
            if name in self._callback_states:
                callback.load_state_dict(self._callback_states.pop(name))
        if self._random_to_set is not None:
            self._set_random(self._random_to_set)
            self._random_to_set = None

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
