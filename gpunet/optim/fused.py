"""`FlatOptimizer`: an optimiser whose step is one kernel over flat buffers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from ..autograd import Variable, enable_grad
from ..backend import backend_of
from ..tensor import Tensor
from .flat import FlatBuffer
from .optimizer import Optimizer
from .span import Span
from .values import numpy_copy

__all__ = ["FlatOptimizer"]


class FlatOptimizer(Optimizer):
    """The base class of gpunet's optimisers.

    Making one lays the parameters side by side in memory (see `gpunet.optim.flat`): each keeps its
    values and shape, but ``p.array`` is a new array, and the next `backward` writes the gradients
    side by side too. A gradient that was read from ``p.grad`` is overwritten by the `backward`
    after `zero_grad`; clone it to keep it.

    A class implements `_numbers` and `_update`.
    """

    #: What of the state is a number rather than an array of the parameter's shape.
    _scalars: tuple[str, ...] = ("step",)
    _opt_called = False

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        # For each group its list of parameters, their number, and the buffers made of them.
        self._flat: list[tuple[list[Variable], int, list[FlatBuffer]]] = []
        super().__init__(params, defaults)

    def _make_state(self) -> None:
        pass

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups.pop()  # to stay out if it cannot be flattened
        buffers = self._buffers(group)
        self._flat.append((group["params"], len(group["params"]), buffers))
        self.param_groups.append(group)

    # --- what a class says ----------------------------------------------------------------------

    def _numbers(self, group: dict[str, Any]) -> tuple[float, ...]:
        """The hyper-parameters of a group that live on the device."""
        raise NotImplementedError(f"{type(self).__name__}._numbers")

    def _update(self, group: dict[str, Any], buffer: FlatBuffer, span: Span) -> None:
        """Change the values of a span by one step; ``buffer.hyper`` holds `_numbers`."""
        raise NotImplementedError(f"{type(self).__name__}._update")

    def _prepare(self, group: dict[str, Any], buffer: FlatBuffer) -> None:
        """Allocate what of the state exists before the first step."""

    def _state_out(self, state: dict[str, Any]) -> dict[str, Any]:
        """One parameter's state as PyTorch has it; empty before the first step."""
        return state if state["step"] else {}

    def _state_in(self, state: dict[str, Any]) -> dict[str, Any]:
        """The inverse of `_state_out`."""
        return state

    # --- steps ----------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._opt_called = True
        for i, group in enumerate(self.param_groups):
            params, number, buffers = self._flat[i]
            if params is not group["params"] or number != len(params):
                buffers = self._flatten(i)
            spans = [buffer.active() for buffer in buffers]
            if None in spans:
                buffers = self._flatten(i)
                spans = [buffer.active() for buffer in buffers]
            numbers = self._numbers(group)
            for buffer, active in zip(buffers, spans):
                if buffer.numbers != numbers:
                    buffer.set_numbers(numbers)
                for span in active:  # type: ignore[union-attr]
                    self._update(group, buffer, span)
        return loss

    def buffers(self) -> list[FlatBuffer]:
        """The buffers of all groups."""
        return [buffer for _, _, buffers in self._flat for buffer in buffers]

    def send_numbers(self) -> None:
        """Send the hyper-parameters that have changed to the device, as `step` does first."""
        for group, (_, _, buffers) in zip(self.param_groups, self._flat):
            numbers = self._numbers(group)
            for buffer in buffers:
                if buffer.numbers != numbers:
                    buffer.set_numbers(numbers)

    def _flatten(self, i: int) -> list[FlatBuffer]:
        """Make the buffers of group i anew, after a move or a change of its list of parameters."""
        states = _states(self._flat[i][2])
        params = self.param_groups[i]["params"]
        buffers = self._buffers(self.param_groups[i])
        self._flat[i] = (params, len(params), buffers)
        _load(buffers, states)
        return buffers

    def _buffers(self, group: dict[str, Any]) -> list[FlatBuffer]:
        """One buffer for each device and dtype among the parameters."""
        kinds: dict[Any, dict[int, Variable]] = {}
        for p in group["params"]:
            kind = (backend_of(p.array).device_of(p.array), p.array.dtype)
            kinds.setdefault(kind, {})[id(p)] = p
        buffers = [FlatBuffer(list(members.values())) for members in kinds.values()]
        for buffer in buffers:
            self._prepare(group, buffer)
        return buffers

    def zero_grad(self, set_to_none: bool = True) -> None:
        if not set_to_none:
            for _, _, buffers in self._flat:
                for buffer in buffers:
                    if all(p.grad is not None and p.grad.array is g for p, _, g in buffer.rows):
                        buffer.gradients.fill(0)
                    else:
                        for p, _, _ in buffer.rows:
                            if p.grad is not None:
                                p.grad.array.fill(0)
            return
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    zero_grad.__doc__ = Optimizer.zero_grad.__doc__
    step.__doc__ = Optimizer.step.__doc__

    # --- state ----------------------------------------------------------------------------------

    @property
    def state(self) -> Any:  # type: ignore[override]
        """For each parameter that has one its state, in PyTorch's layout.

        A dict made anew at each call; its arrays are those that the next step works on.
        """
        result: Any = defaultdict(dict)
        for _, _, buffers in self._flat:
            for buffer in buffers:
                for (p, _, _), state in zip(buffer.rows, buffer.states()):
                    if state := self._state_out(state):
                        result[p] = {name: _as_tensor(name, x) for name, x in state.items()}
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> FlatOptimizer:
        """The same optimiser for copies of its parameters, with a copy of its state."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        for name, value in self.__dict__.items():
            if name != "_flat":
                twin.__dict__[name] = deepcopy(value, memo)
        twin._flat = []
        for group, (_, _, old) in zip(twin.param_groups, self._flat):
            buffers = twin._buffers(group)
            twin._flat.append((group["params"], len(group["params"]), buffers))
            if [_places(b) for b in buffers] == [_places(b, memo) for b in old]:
                for buffer, source in zip(buffers, old):
                    buffer.copy_state(source)
            else:  # parameters have moved, or the group has others, since the last step
                states = _states(old)
                _load(buffers, {id(memo.get(key)): state for key, state in states.items()})
        return twin

    def _load_state(self, params: dict[int, Any], state: dict[int, Any]) -> None:
        states = {}
        for i, p in params.items():
            known = {k: self._plain(k, v) for k, v in state[i].items() if v is not None}
            states[id(p)] = self._state_in(known)
        for _, _, buffers in self._flat:
            _load(buffers, states)

    def _plain(self, name: str, value: Any) -> Any:
        """A number of the state as a float, an array of it as a NumPy copy."""
        return float(numpy_copy(value)) if name in self._scalars else numpy_copy(value)


def _places(buffer: FlatBuffer, memo: dict[int, Any] | None = None) -> tuple[Any, ...]:
    """What lies where in a buffer; with the memo of `deepcopy`, in one of the copies."""
    keys = [id(p) for p, _, _ in buffer.rows]
    if memo is not None:
        keys = [id(memo.get(key)) for key in keys]
    return buffer.device, buffer.dtype, keys


def _states(buffers: list[FlatBuffer]) -> dict[int, dict[str, Any]]:
    return {
        id(p): state for buffer in buffers for (p, _, _), state in zip(buffer.rows, buffer.states())
    }


def _load(buffers: list[FlatBuffer], states: dict[int, dict[str, Any]]) -> None:
    for buffer in buffers:
        buffer.load_states([states.get(id(p)) or {"step": 0.0} for p, _, _ in buffer.rows])


def _as_tensor(name: str, value: Any) -> Tensor:
    """PyTorch keeps the step count in float32; other numbers we keep exactly, in float64."""
    if isinstance(value, float):
        value = np.array(value, np.float32 if name == "step" else np.float64)
    return Tensor(value)
