"""What a step does beside computing with arrays, while it is recorded on the CPU.

Some of it is done again in each replay, between the calls: assigning a gradient, an optimiser's
step, a scheduler's. These run as they always do, so that a learning rate that changes is the
present one. Some is what the recording rests on: the memory of a parameter, ``module.training``.
That is looked at before each replay.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import GeneratorType
from typing import Any

import numpy as np

from ..amp import GradScaler
from ..autograd import Operation, Variable
from ..autograd.changes import extent
from ..backend import backend_of
from ..backend.rng import CURRENT, Generator
from ..backend.swaps import Swaps
from ..backend.traced import ACTIVE, Traced, recording
from ..nn import Module
from ..nn.hooks import changes
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler

__all__ = [
    "Draws",
    "Elsewhere",
    "Watch",
    "drop_gradient",
    "place_gradient",
    "repeat_call",
    "repeat_call_into",
    "set_gradient",
    "with_method",
]


class Elsewhere(Exception):
    """A step uses an array of another device than the one that it is recorded on."""

    def __init__(self, array: Any):
        super().__init__()
        self.device = backend_of(array).device_of(array)


class Draws:
    """The random numbers that a step takes from one generator.

    Attributes
    ----------
    state : int64 array of shape (3,)
        What the kernels of the recording read: the generator's key, and where this replay begins.
    """

    def __init__(self, generator: Generator, state: Any):
        self.generator = generator
        self.start = generator.offset
        self.taken = 0
        self.state = state

    def fill(self) -> None:
        """Set `state` on the host to a step that begins now."""
        self.state[:] = self.generator.key
        self.state[2] = self.generator.offset

    def advance(self) -> None:
        """Move the generator on as the step would."""
        self.generator.offset += self.taken


class Watch:
    """Watches over one run of a step that `recorder` records.

    Parameters
    ----------
    recorder : Recorder or GraphRecorder

    Attributes
    ----------
    draws : list of Draws
    memory : list of (dict, str, weak reference)
        The attributes of tensors from outside that the recording has the addresses of, with the
        arrays that they were.
    gradients : list of (Variable, bool, weak reference or None)
        Tensors from outside whose gradient the step asked for, whether there was none, and its
        array if the step used it.
    wanted : list of (Variable, bool, list or None)
        Tensors from outside, whether they required a gradient, and their hooks.
    written : list of (int, int)
        The addresses of tensors that were changed in place.
    modes : list of (Module, bool)
        Modules that asked whether they train, and whether they did.
    structure : int
        How often modules had got other parameters, buffers, children or hooks, in the process.
    """

    def __init__(self, recorder: Any):
        self.recorder: Any = recorder
        self.draws: list[Draws] = []
        self.memory: list[tuple[dict[str, Any], str, Any]] = []
        self.gradients: list[tuple[Variable, bool, Any]] = []
        self.wanted: list[tuple[Variable, bool, Any]] = []
        self.written: list[tuple[int, int]] = []
        self.modes: list[tuple[Module, bool]] = []
        self._outside: dict[int, tuple[Variable, Traced]] = {}
        self._grads: list[tuple[Variable, Any]] = []
        self._decided: set[tuple[int, str]] = set()

    def made(self, variable: Variable) -> bool:
        """Whether the step made this tensor."""
        return vars(variable).get("_maker") is self

    def changed(self, array: Any) -> bool:
        """Whether the step changed a tensor in place that shares memory with `array`."""
        if not array.size:
            return False
        low, high = extent(array)
        return any([start < high and low < stop for start, stop in self.written])

    def holds(self) -> bool:
        """Whether everything is still where, and as, it was during the recording."""
        for state, name, reference in self.memory:
            if state.get(name) is not reference():
                return False
        for variable, missing, reference in self.gradients:
            grad = variable.grad
            if (grad is None) is not missing:
                return False
            if reference is not None and vars(grad)["array"] is not reference():
                return False
        for variable, wanted, hooks in self.wanted:
            if variable.requires_grad is not wanted or (variable.hooks or None) != hooks:
                return False
        if self.structure != changes.count:
            return False
        return all([module.training is training for module, training in self.modes])

    # --- in place of gpunet's own -----------------------------------------------------------------

    @contextmanager
    def active(self) -> Iterator[None]:
        """Watch what this thread does inside of the block."""
        self.recorder.live = self.live
        generator = CURRENT.generator
        self._draws_of(generator)  # before a checkpoint copies it
        with Swaps() as swaps:
            swaps.put(Variable, "array", property(self._array, self._set_array))
            swaps.put(Variable, "grad", property(self._grad, self._set_grad))
            swaps.put(Variable, "mark_changed", self._marking(Variable.mark_changed))
            swaps.put(Module, "training", property(self._training, self._set_training))
            swaps.put(Generator, "take", self._taking(Generator.take))
            swaps.put(Generator, "_place", self._placing(Generator._place))
            self._swap_steps(swaps)
            try:
                yield
            finally:
                for draws in self.draws:
                    vars(draws.generator).pop("draws", None)
        self._close()

    def _close(self) -> None:
        """Keep what `holds` needs."""
        # As the step left it, which is how the next call finds it.
        self.wanted = [
            (x, x.requires_grad, list(x.hooks) if x.hooks else None)
            for x, _ in self._outside.values()
        ]
        self.structure = changes.count
        # A gradient is asked for by its tensor: that has another one in each step.
        used = {id(grad) for _, grad in self._grads if id(grad) in self._outside}
        states = [vars(grad) for _, grad in self._grads if id(grad) in used]
        for variable, grad in self._grads:
            array = weakref.ref(vars(grad)["array"]) if id(grad) in used else None
            self.gradients.append((variable, grad is None, array))
        self.memory = [
            place for place in self.memory if not any(place[0] is state for state in states)
        ]
        # What holds a gradient takes the optimiser's memory away from it.
        self._outside.clear()
        self._grads.clear()

    def _swap_steps(self, swaps: Swaps) -> None:
        """Let optimisers, schedulers and `GradScaler` do what they do in each replay."""
        for kind in (*with_method(Optimizer, "step"), *with_method(LRScheduler, "step")):
            swaps.put(kind, "step", self._living(vars(kind)["step"]))
        for name in ("unscale_", "step", "update"):
            swaps.put(GradScaler, name, self._living(vars(GradScaler)[name]))

    # --- arrays of tensors ------------------------------------------------------------------------

    def _array(self, variable: Variable) -> Any:
        state = vars(variable)
        try:
            array = state["array"]
        except KeyError:
            raise AttributeError("array") from None
        recorder = ACTIVE.recorder
        if recorder is None:
            return array
        if state.get("_maker") is self:
            return state["_traced"]
        if id(variable) not in self._outside:
            if not isinstance(array, recorder.array_type):
                raise Elsewhere(array)
            self._outside[id(variable)] = variable, recorder.traced(array)
            self.memory.append((state, "array", weakref.ref(array)))
        return self._outside[id(variable)][1]

    def _set_array(self, variable: Variable, array: Any) -> None:
        state = vars(variable)
        recorder = ACTIVE.recorder
        if recorder is None:
            state["array"] = array
            return
        if "array" in state and _same_place(state["array"], array):
            return
        if "array" in state and state.get("_maker") is not self:
            recorder.refuse(
                "a tensor from outside of the step gets another array; "
                "change the one that it has, as with copy_()"
            )
        state["array"] = recorder.held(array)
        state["_traced"] = recorder.traced(array)
        state["_maker"] = self

    def _marking(self, mark: Callable[[Variable], None]) -> Callable[[Variable], None]:
        def mark_changed(variable: Variable) -> None:
            mark(variable)
            if ACTIVE.recorder is None:
                return
            array = vars(variable)["array"]
            if array.size:
                self.written.append(extent(array))
            if not self.made(variable):
                self.recorder.note(mark, variable)

        return mark_changed

    # --- gradients --------------------------------------------------------------------------------

    def _grad(self, variable: Variable) -> Any:
        grad = vars(variable).get("grad")
        if ACTIVE.recorder is not None and not self.made(variable):
            key = id(variable), "grad"
            if key not in self._decided:
                self._decided.add(key)
                self._grads.append((variable, grad))
        return grad

    def _set_grad(self, variable: Variable, grad: Variable | None) -> None:
        vars(variable)["grad"] = grad
        if ACTIVE.recorder is None or self.made(variable):
            return
        self._decided.add((id(variable), "grad"))
        if grad is None:
            self.recorder.note(drop_gradient, variable)
        elif vars(grad)["array"] is variable.grad_buffer:
            self._note_buffer(variable)
            self.recorder.note(place_gradient, variable)
        else:
            self.recorder.note(set_gradient, variable, grad)

    def _note_buffer(self, variable: Variable) -> None:
        key = id(variable), "grad_buffer"
        if key not in self._decided:
            self._decided.add(key)
            place = vars(variable), "grad_buffer", weakref.ref(variable.grad_buffer)
            self.memory.append(place)

    # --- modules ----------------------------------------------------------------------------------

    def _training(self, module: Module) -> bool:
        try:
            training = vars(module)["training"]
        except KeyError:
            raise AttributeError("training") from None
        key = id(module), "training"
        if ACTIVE.recorder is not None and key not in self._decided:
            self._decided.add(key)
            self.modes.append((module, training))
        return training

    def _set_training(self, module: Module, training: bool) -> None:
        vars(module)["training"] = training
        if ACTIVE.recorder is not None:
            self._decided.add((id(module), "training"))
            self.recorder.note(_set_training, module, training)

    # --- random numbers ---------------------------------------------------------------------------

    def _draws_of(self, generator: Generator) -> Draws:
        draws = vars(generator).get("draws")
        if draws is None:  # a copy of a generator has those of the original
            draws = Draws(generator, self._state_of(generator))
            generator.draws = draws  # type: ignore[attr-defined]
            self.draws.append(draws)
        return draws

    def _state_of(self, generator: Generator) -> Any:
        state = generator.key.copy()
        state[2] = generator.offset
        return state

    def _taking(self, take: Callable[..., Any]) -> Callable[..., Any]:
        def taken(generator: Generator, be: Any, array: Any, blocks: int) -> Any:
            if ACTIVE.recorder is None:
                return take(generator, be, array, blocks)
            draws = self._draws_of(generator)
            offset = generator.offset - draws.start
            generator.offset += blocks
            if generator is draws.generator:
                draws.taken = max(draws.taken, offset + blocks)
            return draws.state, offset

        return taken

    def _placing(self, place: Callable[..., None]) -> Callable[..., None]:
        def placed(generator: Generator, seed: int, stream: int, offset: int) -> None:
            if ACTIVE.recorder is not None:
                ACTIVE.recorder.refuse("a generator of random numbers is made or seeded")
            place(generator, seed, stream, offset)

        return placed

    # --- what runs as it always does --------------------------------------------------------------

    def _living(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def lives(*args: Any, **kwargs: Any) -> Any:
            if ACTIVE.recorder is None:
                return function(*args, **kwargs)
            return self.live(function, args, kwargs)

        return lives

    def live(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Call `function` now, and in each replay; a tensor that it returns keeps its place."""
        args = tuple([list(x) if isinstance(x, GeneratorType) else x for x in args])
        recorder = self.recorder
        with recording(None):
            result = function(*args, **kwargs)
        if not isinstance(result, Variable):
            recorder.note(repeat_call, function, args, kwargs)
            return result
        place = recorder.place(result.array)
        window = recorder.known(place)
        np.copyto(window, result.array)
        recorder.note(repeat_call_into, window, function, args, kwargs)
        return Operation.result(place)


def with_method(kind: type, name: str) -> Iterator[type]:
    """The class and all below it, those that define the method `name`."""
    if name in vars(kind):
        yield kind
    below: type
    for below in kind.__subclasses__():
        yield from with_method(below, name)


def _same_place(own: Any, array: Any) -> bool:
    return array is own or (
        isinstance(array, np.ndarray)
        and isinstance(own, np.ndarray)
        and array.__array_interface__["data"] == own.__array_interface__["data"]
        and (array.shape, array.strides, array.dtype) == (own.shape, own.strides, own.dtype)
    )


# --- what the recording calls ---------------------------------------------------------------------


def drop_gradient(variable: Variable) -> None:
    variable.grad = None


def place_gradient(variable: Variable) -> None:
    variable.grad = Operation.result(variable.grad_buffer)


def set_gradient(variable: Variable, grad: Variable | None) -> None:
    variable.grad = grad


def _set_training(module: Module, training: bool) -> None:
    module.training = training


def repeat_call(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> None:
    function(*args, **kwargs)


def repeat_call_into(place: np.ndarray, function: Any, args: Any, kwargs: dict[str, Any]) -> None:
    np.copyto(place, function(*args, **kwargs).array)
