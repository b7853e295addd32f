"""`compile`: a step that is recorded at its second call and replayed from the third on."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..autograd.mode import MODE
from ..backend import Device, backend_of
from ..backend.precision import tf32
from ..backend.traced import ACTIVE
from ..errors import CaptureError
from .graph_recording import GraphRecording, is_users
from .recording import Recording
from .signature import signature
from .watch import Elsewhere

__all__ = ["Compiled", "compile"]

#: Recordings of one signature, which differ in what else the step rests on; and signatures.
_MOST, _MOST_SIGNATURES = 8, 64
#: Held by the thread that records: what a recording takes the place of is everyone's. Others run
#: their steps as ever meanwhile.
_RECORDING = threading.RLock()


def compile(function: Callable[..., Any] | None = None, *, fallback: bool = False) -> Any:
    """`function`, which does its work without Python's share from its third call on.

    Give it a whole training step, or an inference function under `no_grad`::

        @gpunet.compile
        def step(x, y):
            optimizer.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

    The first call with tensors of some shapes and dtypes runs as ever. The second is recorded: on
    the CPU the calls of kernels and NumPy functions, with the arrays they work on. Later calls copy
    their tensors to where those of the recorded call were, and repeat its calls: no tape, no
    tensors, no allocation. Results are the same, bit by bit, random numbers included.

    Other shapes, dtypes, or other values of other arguments are recorded anew; so is a step whose
    modules were switched between training and evaluation.

    Parameters
    ----------
    function : callable
        Its tensors and arrays, also within lists, tuples and dicts, are its inputs.
    fallback : bool
        If the step cannot be recorded, warn once and run it as ever, in place of an error.
        Default: False.

    Returns
    -------
    callable
        Called as `function` is. Without `function`, a decorator.

    Raises
    ------
    CaptureError
        By the second call, with the line: if the step reads a value (``loss.item()``, ``if x > 0``,
        printing a tensor), if the shape of a result depends on values, if a tensor that it returns
        or is given requires a gradient that is computed elsewhere.

    Notes
    -----
    The tensors that a call returns are those of all calls: the next one overwrites them, so
    ``clone()`` what is to be kept. What the step does besides computing with tensors (printing,
    counting, appending to a list) happens in the first two calls only, and Python numbers stay what
    they were in the second call: hand in what changes as an argument, as a tensor. Only the steps
    of optimisers and schedulers, `GradScaler` and the clipping of gradients are called each time,
    so that the learning rate is the present one. A compiled function is for one thread at a time.
    """
    if function is None:
        return lambda function: compile(function, fallback=fallback)
    if not callable(function):
        raise TypeError(f"compile: expected a function, got {type(function).__name__}")
    return Compiled(function, fallback)


class _Variants:
    """The recordings of one signature, which differ in what else the step rests on."""

    def __init__(self) -> None:
        self.recordings: list[Recording | GraphRecording] = []
        self.pending: GraphRecording | None = None


class Compiled:
    """A function and its recordings; see `compile`."""

    def __init__(self, function: Callable[..., Any], fallback: bool):
        self._function = function
        self._fallback = fallback
        self._variants: dict[Any, _Variants] = {}
        self._eager = False
        self._warned = False
        if hasattr(function, "__name__"):
            update_wrapper(self, function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._eager or ACTIVE.recorder is not None:
            return self._function(*args, **kwargs)
        inputs: list[Any] = []
        key = signature((args, kwargs) if kwargs else args, inputs), _modes()
        variants = self._variants.get(key)
        if variants is None:
            if len(self._variants) == _MOST_SIGNATURES:
                return self._plain(
                    f"it was called with {_MOST_SIGNATURES} kinds of arguments; hand in a number "
                    "that changes as a tensor, and data in few shapes",
                    args, kwargs,
                )  # fmt: skip
            variants = self._variants[key] = _Variants()
            device = _gpu_of(inputs)
            if device is None:
                return self._function(*args, **kwargs)
            return self._first_on(device, variants, args, kwargs)
        for recording in variants.recordings:
            if recording.holds():
                return self._replay(recording, inputs, args, kwargs)
        if len(variants.recordings) == _MOST:
            return self._plain(
                f"it was recorded {_MOST} times, because a parameter, a gradient or a module that "
                "it uses was another one each time",
                args, kwargs,
            )  # fmt: skip
        if not _RECORDING.acquire(blocking=False):
            return self._function(*args, **kwargs)
        try:
            if variants.pending is not None:
                return self._capture(variants, inputs, args, kwargs)
            device = _gpu_of(inputs)
            if device is not None:
                return self._first_on(device, variants, args, kwargs)
            return self._record(variants, inputs, args, kwargs)
        finally:
            _RECORDING.release()

    def _record(
        self, variants: _Variants, inputs: list[Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        try:
            recording = Recording(self._function, args, kwargs, self._fallback)
        except Elsewhere as error:
            if inputs:
                raise CaptureError(
                    f"a step uses tensors on {error.device} and is given some of the host; move "
                    "them there before the call"
                ) from None
            return self._first_on(error.device, variants, args, kwargs)
        if recording.failure:
            self._give_up(recording.failure)
        else:
            variants.recordings.append(recording)
        return recording.outputs

    def _first_on(
        self, device: Device, variants: _Variants, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        variants.pending = GraphRecording(self._function, device)
        return variants.pending.first(args, kwargs)

    def _capture(
        self, variants: _Variants, inputs: list[Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        recording, variants.pending = variants.pending, None
        assert recording is not None
        try:
            recording.capture(args, kwargs)
        except CaptureError as error:
            if not self._fallback and is_users(error):
                raise
            self._give_up(str(error))
            return self._function(*args, **kwargs)
        variants.recordings.append(recording)
        return recording.launch_first(inputs)

    def _plain(self, reason: str, args: Any, kwargs: dict[str, Any]) -> Any:
        """A call as ever; with a warning if it is the first."""
        if not self._warned:
            self._warned = True
            warnings.warn(f"compile: some calls run as ever: {reason}", stacklevel=3)
        return self._function(*args, **kwargs)

    def _give_up(self, reason: str) -> None:
        self._eager = True
        self._variants.clear()
        warnings.warn(
            f"compile: runs as ever, because it cannot be captured: {reason}", stacklevel=4
        )

    def _replay(
        self, recording: Recording | GraphRecording, inputs: Any, args: Any, kwargs: Any
    ) -> Any:
        try:
            return recording.replay(inputs)
        except CaptureError:
            raise
        except Exception:
            # The operation that failed says better than its kernel what is wrong.
            self._function(*args, **kwargs)
            raise


def _modes() -> tuple[Any, ...]:
    """What else is set that a recording rests on; `autocast` has a new block in each ``with``."""
    block = MODE.autocast
    return MODE.enabled, tf32(), None if block is None else tuple(block.kinds.values())


def _gpu_of(inputs: list[Any]) -> Device | None:
    """The GPU on which one of the arrays is."""
    for array in inputs:
        if type(array) is not np.ndarray:
            return backend_of(array).device_of(array)
    return None
