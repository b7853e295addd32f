"""What a step does beside asking the GPU for work, while that is captured.

Optimisers and `GradScaler` are part of the graph: what changes in them from step to step is on the
GPU, or is sent there before a replay. Schedulers and gradients that are assigned are the host's:
each replay does them too, before the launch what the optimiser's numbers depend on, and the rest
after it. As the recorded call itself does nothing on the GPU, all that it has changed on the host
can be put back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..amp import GradScaler
from ..autograd import Variable
from ..backend.refusal import refusal
from ..backend.rng import Generator
from ..backend.swaps import Swaps
from ..backend.traced import ACTIVE, recording
from ..optim import Optimizer
from ..optim.flat import FlatBuffer
from ..optim.fused import FlatOptimizer
from ..optim.lr_scheduler import LRScheduler
from .watch import Watch, place_gradient, set_gradient, with_method

__all__ = ["GraphRecorder", "GraphWatch"]


class GraphRecorder:
    """What `Watch` needs to know of a recording on a GPU: its arrays are as they are.

    Attributes
    ----------
    notes : list of (function, arguments)
        What the host is to do in a replay.
    """

    def __init__(self, array_type: type):
        self.array_type = array_type
        self.notes: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def traced(self, array: Any) -> Any:
        return array

    def held(self, array: Any) -> Any:
        return array

    def note(self, function: Callable[..., Any], *args: Any) -> None:
        self.notes.append((function, args))

    def refuse(self, what: str) -> None:
        raise refusal(what)


class GraphWatch(Watch):
    """Watches over one run of a step whose work on a GPU is captured.

    Parameters
    ----------
    recorder : GraphRecorder
    states : int64 array of shape (G, 3)
        Memory for the states of up to G generators. From before the recording: what is allocated
        during one may be memory that its earlier kernels write to.

    Attributes
    ----------
    buffers : list of (FlatBuffer, list of Span)
        The optimisers' memory that the graph works on.
    kept : list
        What keeps memory from outside alive.
    """

    def __init__(self, recorder: GraphRecorder, states: Any):
        super().__init__(recorder)
        self.states = states
        self.buffers: list[tuple[FlatBuffer, Any]] = []
        self.kept: list[Any] = []
        self._undo: list[Callable[[], None]] = []
        self._stepped: set[int] = set()
        self._numbers: dict[int, tuple[FlatBuffer, tuple[float, ...]]] = {}

    def restore(self) -> None:
        """Put back what the host has changed during the recording, the last first."""
        while self._undo:
            self._undo.pop()()

    def order(self) -> tuple[list[Any], list[Any]]:
        """What the host does before the launch and after it."""
        notes = self.recorder.notes
        last = max([i for i, (f, _) in enumerate(notes) if f is _send_numbers], default=-1)
        before: list[Any] = []
        after: list[Any] = []
        for i, note in enumerate(notes):
            early = i <= last and note[0] in (_send_numbers, _step_scheduler)
            (before if early else after).append(note)
        return before, after

    def live(self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """What waits for nothing is part of the graph."""
        return function(*args, **kwargs)

    # --- as in Watch, and put back ----------------------------------------------------------------

    def _array(self, variable: Variable) -> Any:
        array = super()._array(variable)
        if ACTIVE.recorder is not None and not self.made(variable):
            self.kept.append(array.data)  # not the array: see `engine._free_buffer`
        return array

    def _set_grad(self, variable: Variable, grad: Variable | None) -> None:
        if ACTIVE.recorder is not None and not self.made(variable):
            self._undo.append(_kept_gradient(variable))
            if grad is not None:
                self.kept.append(vars(grad)["array"].data)
        super()._set_grad(variable, grad)

    def _set_training(self, module: Any, training: bool) -> None:
        if ACTIVE.recorder is not None:
            before = vars(module)["training"]
            self._undo.append(lambda: vars(module).__setitem__("training", before))
        super()._set_training(module, training)

    def _state_of(self, generator: Generator) -> Any:
        offset = generator.offset
        self._undo.append(lambda: setattr(generator, "offset", offset))
        if len(self.draws) == len(self.states):
            raise refusal(f"random numbers come from more than {len(self.states)} generators")
        return self.states[len(self.draws)]

    # --- optimisers, schedulers, the loss scale ---------------------------------------------------

    def _swap_steps(self, swaps: Swaps) -> None:
        for kind in with_method(Optimizer, "step"):
            swaps.put(kind, "step", self._captured(vars(kind)["step"]))
        for kind in with_method(LRScheduler, "step"):
            swaps.put(kind, "step", self._scheduled(vars(kind)["step"]))
        swaps.put(FlatBuffer, "set_numbers", self._keeping_back(FlatBuffer.set_numbers))
        for name in ("unscale_", "step", "update"):
            swaps.put(GradScaler, name, self._scaled(name, vars(GradScaler)[name]))

    def _captured(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def captured(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if ACTIVE.recorder is None:
                return step(optimizer, *args, **kwargs)
            if not isinstance(optimizer, FlatOptimizer) or args or kwargs:
                raise refusal(
                    f"{type(optimizer).__name__}.step is called"
                    + (" with a closure" if args or kwargs else "")
                    + ", which cannot be captured: its learning rate would stay what it is"
                )
            if id(optimizer) in self._stepped and any(
                f is _step_scheduler for f, _ in self.recorder.notes
            ):
                raise refusal("an optimiser steps twice, with a scheduler's step in between")
            self._stepped.add(id(optimizer))
            result = step(optimizer)
            for buffer in optimizer.buffers():
                self.buffers.append((buffer, buffer.spans))
            self.recorder.note(_send_numbers, optimizer)
            return result

        return captured

    def _scheduled(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def scheduled(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            if ACTIVE.recorder is None:
                return step(scheduler, *args, **kwargs)
            state = copy.deepcopy(scheduler.state_dict())
            groups = scheduler.optimizer.param_groups
            options = [{k: v for k, v in group.items() if k != "params"} for group in groups]

            def undo() -> None:
                scheduler.load_state_dict(state)
                for group, before in zip(groups, options):
                    group.update(before)

            self._undo.append(undo)
            with recording(None):
                result = step(scheduler, *args, **kwargs)
            self.recorder.note(_step_scheduler, step, scheduler, args, kwargs)
            return result

        return scheduled

    def _scaled(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def scaled(scaler: Any, *args: Any, **kwargs: Any) -> Any:
            if ACTIVE.recorder is None or not scaler.is_enabled():
                return method(scaler, *args, **kwargs)
            checked = {key: copy.copy(state) for key, state in scaler._checked.items()}
            self._undo.append(lambda: setattr(scaler, "_checked", checked))
            if name == "step":  # a read of the host otherwise
                return scaler._step_on_device(*args, **kwargs)
            return method(scaler, *args, **kwargs)

        return scaled

    def _keeping_back(self, set_numbers: Callable[..., None]) -> Callable[..., None]:
        """`FlatBuffer.set_numbers`, which copies from the host: that is no part of the graph."""

        def keep_back(buffer: FlatBuffer, numbers: tuple[float, ...]) -> None:
            if ACTIVE.recorder is None or buffer.hyper is None:
                set_numbers(buffer, numbers)
            else:
                self._numbers[id(buffer)] = buffer, numbers

        return keep_back

    def send_kept_back(self) -> None:
        """Send the optimisers' numbers of the recorded call."""
        for buffer, numbers in self._numbers.values():
            buffer.set_numbers(numbers)
        self._numbers.clear()


def _kept_gradient(variable: Variable) -> Callable[[], None]:
    """What gives a tensor its present gradient back.

    Without holding one that is in the optimiser's memory: what somebody holds is not written to.
    """
    grad = vars(variable).get("grad")
    if grad is not None and vars(grad)["array"] is variable.grad_buffer:
        return lambda: place_gradient(variable)
    return lambda: set_gradient(variable, grad)


# --- what the host does in a replay ---------------------------------------------------------------


def _send_numbers(optimizer: FlatOptimizer) -> None:
    optimizer.send_numbers()


def _step_scheduler(step: Any, scheduler: Any, args: Any, kwargs: dict[str, Any]) -> None:
    step(scheduler, *args, **kwargs)
