"""One recorded step on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.autocast import resumed
from ..autograd.changes import CHANGES
from ..autograd.mode import MODE
from ..backend import get_num_threads
from ..backend.recorder import Recorder
from ..tensor import Tensor
from .outputs import outputs_of
from .program import Program
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
        places: list[np.ndarray] = []
        recorder = Recorder(fallback)
        self.watch = Watch(recorder)
        arrays: list[np.ndarray] = []
        given, options = mapped((args, kwargs), lambda x: _input(recorder, places, arrays, x))
        with recorder.active(), self.watch.active(), resumed(MODE.autocast):
            result = function(*given, **options)
            outputs = outputs_of(self.watch, result)
        self.outputs = outputs
        results = [vars(x)["array"] for x in tensors(outputs)]
        self.program = Program(recorder.calls, places, results, recorder.pool)
        self.draws = [draws for draws in self.watch.draws if draws.taken]
        self.failure = recorder.failure
        self.changed = [i for i, place in enumerate(places) if self.watch.changed(place)]
        self._give_back(arrays)

    def holds(self) -> bool:
        """Whether everything is still where, and as, the recording needs it."""
        return self.watch.holds() and get_num_threads() == self.threads

    def replay(self, inputs: list[np.ndarray]) -> Any:
        """Do the step on these arrays; what it returned then, with the values of now."""
        self.program.bind(inputs)
        for draws in self.draws:
            draws.fill()
            draws.advance()
        try:
            self.program.run()
        except BaseException:
            for draws in self.draws:  # the step is run again, or was interrupted
                draws.generator.offset -= draws.taken
            raise
        if self.changed:
            self._give_back(inputs)
        return self.outputs

    def _give_back(self, inputs: list[np.ndarray]) -> None:
        """Change the inputs that the step changes in place, where it worked on copies."""
        for i in self.changed:
            if self.program.bound[i] is not inputs[i]:
                np.copyto(inputs[i], self.program.places[i])
            CHANGES.note(inputs[i])


def _input(recorder: Recorder, places: list[np.ndarray], arrays: list[np.ndarray], x: Any) -> Any:
    """A copy of one input, in a place of its own."""
    array = x if isinstance(x, np.ndarray) else x.array
    arrays.append(array)
    place = recorder.held(recorder.place(array))
    np.copyto(place, array)
    places.append(place)
    if array is x:
        return recorder.traced(place)
    if x.requires_grad:
        recorder.refuse("an input requires a gradient; call the step with x.detach()")
        return x
    return Tensor(place)
