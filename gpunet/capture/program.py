"""The calls of a recording, made lean: gradients in one go, and inputs used where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import CPU
from ..backend.memory import Block, HostPool
from ..backend.traced import address, root
from .watch import drop_gradient, place_gradient, repeat_call, repeat_call_into, set_gradient

__all__ = ["Program"]

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Program:
    """Calls that are repeated on other inputs.

    An input of a replay is not copied to where that of the recording was, as far as the calls have
    it as an argument themselves: they get the new array in its place. It is copied if they have
    parts of it, if there is something else than calls that has the memory, and if it is a result.

    Parameters
    ----------
    calls : list of (function, arguments)
    inputs : list of array
        The inputs of the recording, each in memory of its own.
    results : list of array
        What is returned: no input may have its memory.
    pool : HostPool
        The recording's memory.
    """

    def __init__(
        self,
        calls: list[Call],
        inputs: list[np.ndarray],
        results: list[np.ndarray],
        pool: HostPool,
    ):
        self.calls = _with_gradients_together(calls)
        self.places = inputs
        self.bound = list(inputs)
        self._pool = pool
        self._uses = [self._uses_of(place, results) for place in inputs]
        silent = all(_is_silent(function) for function, _ in self.calls)
        self.run = self._run if silent else np.errstate(all="ignore")(self._run)

    def bind(self, inputs: list[np.ndarray]) -> None:
        """Make `inputs`, of the layout of the recording's, those of the next run."""
        for i, array in enumerate(inputs):
            if array is self.bound[i]:
                continue
            uses = self._uses[i]
            if uses is None or self._is_ours(array):
                np.copyto(self.places[i], array)
                array = self.places[i]
                if array is self.bound[i]:
                    continue
            for k, j, move in uses:
                function, args = self.calls[k]
                moved = move(array)
                self.calls[k] = function, (*args[:j], moved, *args[j + 1 :])
                if hasattr(function, "moved"):
                    function.moved(j, moved)
            self.bound[i] = array

    def _is_ours(self, array: np.ndarray) -> bool:
        """Whether `array` is a result of an earlier run: the calls write there before its end."""
        holder = root(array)
        return isinstance(holder, Block) and holder.pool is self._pool

    def _run(self) -> None:
        CPU.blas.hold()
        try:
            for function, args in self.calls:
                function(*args)
        finally:
            CPU.blas.release()

    def _uses_of(self, place: np.ndarray, results: list[np.ndarray]) -> Any:
        """Where the calls have an input: (call, argument, what gives the new argument).

        None if it has to be copied.
        """
        uses: list[tuple[int, int, Callable[..., Any]]] = []
        if not place.size or any(np.may_share_memory(place, result) for result in results):
            return None
        for k, (_, args) in enumerate(self.calls):
            for j, arg in enumerate(args):
                if not any(np.may_share_memory(place, array) for array in _arrays(arg)):
                    continue
                move = _mover(place, arg)
                if move is None:
                    return None
                uses.append((k, j, move))
        return uses


def _mover(place: np.ndarray, arg: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes the argument that is `arg` for `place` from another input; None if nothing does.

    It must be all of the input.
    """
    if not isinstance(arg, np.ndarray) or address(arg) != address(place) or arg.size != place.size:
        return None
    shape = arg.shape
    if (shape, arg.strides) == (place.shape, place.strides):
        return lambda array: array
    if place.flags.c_contiguous and arg.flags.c_contiguous:
        return lambda array: array.reshape(shape)
    if place.ndim == 2 and (shape, arg.strides) == (place.T.shape, place.T.strides):
        return lambda array: array.T
    return None


def _arrays(x: Any) -> Iterator[np.ndarray]:
    """The arrays in an argument, those of tensors too."""
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, Variable):
        yield vars(x)["array"]
    elif isinstance(x, tuple | list):
        for item in x:
            yield from _arrays(item)
    elif isinstance(x, dict):
        yield from _arrays(list(x.values()))


def _is_silent(function: Callable[..., Any]) -> bool:
    """Whether NumPy has no warning in a call: compiled kernels and products have none."""
    module = getattr(function, "__module__", None) or ""
    return module.startswith(("gpunet.kernels.cpu.", "gpunet.capture.")) or function in (
        np.dot, np.copyto, np.ndarray.fill,
    )  # fmt: skip


def _with_gradients_together(calls: list[Call]) -> list[Call]:
    """The calls, with gradients assigned where they are next seen.

    They are seen by functions that are repeated as they are, an optimiser's step, and by whoever
    called the step. Those that are dropped before they are assigned need not be.
    """
    result: list[Call] = []
    pending: dict[int, Call] = {}

    def assign() -> None:
        placed = [args[0] for function, args in pending.values() if function is place_gradient]
        if placed:
            result.append((_place_gradients, (placed,)))
        result.extend(call for call in pending.values() if call[0] is not place_gradient)
        pending.clear()

    for function, args in calls:
        if function in (drop_gradient, place_gradient, set_gradient):
            pending[id(args[0])] = function, args
            continue
        if function in (repeat_call, repeat_call_into):
            assign()
        result.append((function, args))
    assign()
    return result


def _place_gradients(variables: list[Variable]) -> None:
    for variable in variables:
        grad = variable.grad
        if grad is None or grad.array is not variable.grad_buffer:
            variable.grad = Operation.result(variable.grad_buffer)
