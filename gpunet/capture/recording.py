"""One recorded step on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.autocast import resumed
from ..autograd.mode import MODE
from ..backend import get_num_threads
from ..backend.recorder import Recorder
from ..errors import CaptureError
from ..tensor import Tensor
from .signature import mapped, tensors
from .watch import Watch

__all__ = ["Recording"]


class Recording:
    """One run of a step, recorded, which can be repeated on other inputs.

    Making one runs the step on `args` and `kwargs`; `outputs` then is its result.

    Parameters
    ----------
    function : callable
    args, kwargs : tuple, dict
        What the step is called with; the tensors and arrays in it are its inputs.
    fallback : bool
        Do not raise where the step cannot be recorded: `failure` says why.

    Attributes
    ----------
    outputs : Any
        What the step returned. The memory of the tensors in it belongs to the recording.
    failure : str

    Raises
    ------
    CaptureError
        If the step cannot be recorded.
    """

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any], fallback: bool
    ):
        self.threads = get_num_threads()
        self.inputs: list[np.ndarray] = []
        recorder = Recorder(fallback)
        self.watch = Watch(recorder)
        given, options = mapped((args, kwargs), lambda x: self._input(recorder, x))
        with recorder.active(), self.watch.active(), resumed(MODE.autocast):
            result = function(*given, **options)
            self._refuse_graph(recorder, result)
        self.outputs = mapped(result, self._output)
        self.calls = recorder.calls
        self.failure = recorder.failure

    def _input(self, recorder: Recorder, x: Any) -> Any:
        """A copy of one input, in a place that stays."""
        array = x if isinstance(x, np.ndarray) else x.array
        place = recorder.held(recorder.place(array))
        np.copyto(place, array)
        self.inputs.append(place)
        if array is x:
            return place
        if x.requires_grad:
            raise CaptureError(
                "an input requires a gradient; compile a step that gets it by another way than "
                "its arguments, or call it with x.detach()"
            )
        return Tensor(place)

    def _refuse_graph(self, recorder: Recorder, result: Any) -> None:
        for x in tensors(result):
            if x.node is not None and x.node.saved is not None:
                recorder.refuse(
                    "the result requires a gradient, and backward() is not part of the step; "
                    "compile the whole step, or call it under no_grad()"
                )

    def _output(self, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return np.asarray(x)
        return Tensor(x.array) if self.watch.made(x) else x

    def holds(self) -> bool:
        """Whether everything is still where, and as, the recording needs it."""
        for variable, name, reference in self.watch.memory:
            if vars(variable).get(name) is not reference():
                return False
        for variable, missing in self.watch.gradients:
            if (variable.grad is None) is not missing:
                return False
        for module, training in self.watch.modes:
            if module.training is not training:
                return False
        return get_num_threads() == self.threads

    def replay(self, inputs: list[np.ndarray]) -> Any:
        """Do the step on these arrays; what it returned then, with the values of now."""
        for place, array in zip(self.inputs, inputs):
            np.copyto(place, array)
        for draws in self.watch.draws:
            draws.begin()
        for function, args in self.calls:
            function(*args)
        return self.outputs
