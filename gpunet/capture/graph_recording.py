"""One step whose work on a GPU is captured in a CUDA graph."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.autocast import resumed
from ..autograd.mode import MODE
from ..backend import Device, backend_for, backend_of
from ..backend.memory import axes_in_memory
from ..backend.refusal import user_line
from ..backend.traced import recording
from ..errors import CaptureError
from ..tensor import Tensor
from .graph_watch import GraphRecorder, GraphWatch
from .outputs import outputs_of
from .signature import mapped
from .watch import Elsewhere

__all__ = ["GraphRecording", "is_users"]

#: Generators that a step may draw from.
_GENERATORS = 8


def is_users(error: CaptureError) -> bool:
    """Whether the step is why it was not captured, as against CUDA, or what is installed."""
    cause = error.__cause__
    if cause is None:
        return True
    return "captur" in str(cause).lower() and not isinstance(cause, NotImplementedError)


class GraphRecording:
    """A step on a GPU: `first` runs it, `capture` records it, `replay` launches what was recorded.

    Parameters
    ----------
    function : callable
    device : Device

    Attributes
    ----------
    outputs : Any
        What the step returned. The memory of the tensors in it belongs to the graph.
    """

    def __init__(self, function: Callable[..., Any], device: Device):
        from ..backend.cuda_graph import Graph  # imports CuPy

        self.function = function
        self.device = device
        self.backend = backend_for(device)
        self.graph = Graph(device)
        self.inputs: list[Any] = []
        self.outputs: Any = None

    def first(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run the step as ever, but on the graph's stream and memory, so that all is ready."""
        return self.graph.warm_up(lambda: self.function(*args, **kwargs))

    def capture(self, args: Any, kwargs: dict[str, Any]) -> None:
        """Record the step; nothing of it is done by the GPU.

        Raises
        ------
        CaptureError
            If it cannot be captured; the host's state is then as it was before.
        """
        given, options = mapped((args, kwargs), self._input)
        states = self.graph.input((_GENERATORS, 3), "int64")
        self.watch = watch = GraphWatch(GraphRecorder(self.backend.array_type), states)

        def run() -> Any:
            with recording(watch.recorder), watch.active(), resumed(MODE.autocast):
                return outputs_of(watch, self.function(*given, **options))

        try:
            self.outputs = self.graph.capture(run)
        except Elsewhere as error:
            watch.restore()
            raise CaptureError(
                f"a step on {self.device} uses a tensor on {error.device}"
                f"{user_line(traceback.extract_tb(error.__traceback__))}"
            ) from None
        except BaseException as error:
            watch.restore()
            if isinstance(error, CaptureError) and error.__cause__ is not None:
                line = user_line(traceback.extract_tb(error.__cause__.__traceback__))
                raise CaptureError(f"{error}{line}") from error.__cause__
            raise
        self.before, self.after = watch.order()
        self.given_back = [place for place in self.inputs if watch.changed(place)]

    def _input(self, x: Any) -> Any:
        array: Any = x
        if isinstance(x, Tensor):
            array = x.array
            if x.requires_grad:
                raise CaptureError("an input requires a gradient; call the step with x.detach()")
        if backend_of(array) is not self.backend:
            raise CaptureError(
                f"a step on {self.device} is given a tensor or an array of the host; move it there "
                "before the call"
            )
        axes, back = axes_in_memory(array)
        packed = self.graph.input(tuple([array.shape[axis] for axis in axes]), array.dtype)
        place = packed.transpose(back)
        self.inputs.append(place)
        return Tensor(place) if isinstance(x, Tensor) else place

    def holds(self) -> bool:
        """Whether everything is still where, and as, the graph needs it."""
        return self.watch.holds() and all(
            buffer.spans is spans for buffer, spans in self.watch.buffers
        )

    def launch_first(self, inputs: list[Any]) -> Any:
        """Have done what was captured; the host's part was done meanwhile."""
        self.watch.send_kept_back()
        return self._launch(inputs, [draws.start for draws in self.watch.draws])

    def replay(self, inputs: list[Any]) -> Any:
        """Do the step on these arrays; what it returned then, with the values of now."""
        for function, args in self.before:
            function(*args)
        outputs = self._launch(inputs, [draws.generator.offset for draws in self.watch.draws])
        for draws in self.watch.draws:
            draws.advance()
        for function, args in self.after:
            function(*args)
        return outputs

    def _launch(self, inputs: list[Any], offsets: list[int]) -> Any:
        if any(draws.taken for draws in self.watch.draws):
            states = np.zeros((_GENERATORS, 3), np.int64)
            for state, draws, offset in zip(states, self.watch.draws, offsets):
                state[:2] = draws.generator.key[:2]
                state[2] = offset
            self.graph.feed(self.watch.states, states)
        for place, array in zip(self.inputs, inputs):
            self.graph.feed(place, array)
        self.graph.replay()
        for place, array in zip(self.inputs, inputs):
            if any(place is changed for changed in self.given_back):
                array[...] = place  # the step changes its argument
        return self.outputs
