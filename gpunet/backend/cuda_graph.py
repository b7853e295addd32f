"""What a function asks of the GPU, recorded once and launched as one piece: a CUDA graph.

A graph is a list of kernels with their arguments, addresses among them. So its memory may go to
nobody else as long as it lives: it has a pool of its own, and the arrays that are freed while it is
recorded make room for later arrays of the same recording alone::

    current stream:  work | event          event | copies into inputs, launch | copies, launch ...
    capture stream:        \\--> warm_up --/   capture (nothing is done)
    pool:                  blocks of the capture stream: inputs, results, scratch

CuPy keeps the free blocks of a pool by the stream they were asked for in, so the inputs, the
warm-up and the recording use one stream. A launch, on the other hand, goes to the current stream:
CUDA puts it behind what was asked there before, and behind earlier launches of the same graph.

CuPy records in CUDA's relaxed mode, in which the pool may grow and a kernel that the warm-up did
not come by may be loaded. The stricter modes would refuse this, and in the strictest one any other
thread that makes pinned memory would end the recording. What they would find is found here:
reads of the host, waiting, and cuBLAS are refused by CuPy in all modes, and memory that does not
come from the pool is noticed by a hook.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import cupy
import numpy as np

from ..errors import CaptureError
from .device import Device
from .device_memory import PrivatePool
from .staging import pinned

__all__ = ["Graph"]


class Graph:
    """A function's work on a GPU, recorded by `capture` and done again by each `replay`.

    Parameters
    ----------
    device : Device

    Notes
    -----
    The memory that a replay reads and writes is that of the recording: what is to change from one
    replay to the next has to be in arrays, and whoever reads a result does so before the next
    replay or copies it; on another stream, that is for the caller to see to. So is keeping alive
    the arrays from elsewhere that the function used.
    """

    def __init__(self, device: Device):
        self.device = device
        self._device = cupy.cuda.Device(device.index)
        self._pool = PrivatePool(self._device.id)
        with self._device:
            self._stream = _take_stream(self._device.id)
            weakref.finalize(self, _STREAMS[self._device.id].append, self._stream)
            self._before, self._after = (
                cupy.cuda.Event(disable_timing=True),
                cupy.cuda.Event(disable_timing=True),
            )
        self._graph: Any = None
        self._feeds: dict[Any, _Feed] = {}

    @property
    def captured(self) -> bool:
        """Whether there is something to replay."""
        return self._graph is not None

    def input(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An uninitialised array that replays read, to be filled with `feed`."""
        self._check_open("input")
        with self._aside():
            return cupy.empty(shape, dtype)

    def warm_up(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` as `capture` does, but have its work done; return its result.

        It compiles and loads the kernels, fills the pool, and makes what is made at a first call.
        Its work comes after what the current stream was asked for, and before what that is asked
        for from now on; the host waits for nothing.
        """
        self._check_open("warm_up")
        with self._aside():
            return function(*args)

    def capture(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` while its work is recorded and not done, and return its result.

        The arrays in the result have their values after the first `replay`.

        Raises
        ------
        CaptureError
            If the function does what cannot be recorded: it reads values of the device or waits for
            it, copies from the host, calls cuBLAS through CuPy, has memory from another pool, or
            runs out of memory. The cause is CuPy's error. The GPU is usable, and `capture` may be
            tried again.
        """
        self._check_open("capture")
        gc.collect()  # what is garbage already gives its memory back before, not in between
        with self._aside(), _paused_collector():
            self._stream.begin_capture()
            try:
                with self._pool.recording():
                    result = function(*args)
            except BaseException as error:
                # Of what was recorded nothing is kept; an error of CUDA has spoilt it already.
                spoilt = self._end(keep=False)[1] is not None
                if isinstance(error, Exception) and (spoilt or _is_refusal(error)):
                    raise CaptureError(_explained(error)) from error
                raise
            graph, refusal = self._end()
            if refusal is not None:
                raise CaptureError(_explained(refusal)) from refusal
        self._graph = graph
        return result

    def replay(self) -> None:
        """Have the recorded work done after what the current stream was asked for."""
        if self._graph is None:
            raise RuntimeError("replay: nothing has been captured")
        with self._device:
            self._graph.launch()

    def feed(self, buffer: Any, array: Any) -> None:
        """Copy `array` into `buffer` for the next replay; the caller may change it after that.

        Parameters
        ----------
        buffer : array
            From `input`.
        array : array
            Of the same shape and dtype, on this GPU or on the host. From there it goes through
            page-locked memory, of which there are two pieces for each buffer: the host waits only
            if it is two copies ahead.
        """
        if array.shape != buffer.shape or array.dtype != buffer.dtype:
            raise ValueError(
                f"array: expected shape {buffer.shape} and dtype {buffer.dtype}, "
                f"got {array.shape} and {array.dtype}"
            )
        with self._device:
            if not isinstance(array, np.ndarray):
                if array.flags.c_contiguous and buffer.flags.c_contiguous:
                    buffer.data.copy_from_device_async(array.data, array.nbytes)
                else:
                    buffer[...] = array
            elif array.size:
                key = buffer.data.ptr, buffer.shape, buffer.dtype.char
                feed = self._feeds.get(key)
                if feed is None:
                    feed = self._feeds[key] = _Feed()
                feed.send(buffer, array)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """The capture stream and the pool, in the order of the current stream's work."""
        with self._device:
            current = cupy.cuda.get_current_stream()
            if current.is_capturing():
                raise CaptureError("a graph is being captured already, and this would be in it")
            self._before.record(current)
            self._stream.wait_event(self._before)
            try:
                with self._stream, cupy.cuda.using_allocator(self._pool.allocate):
                    yield
            finally:
                self._after.record(self._stream)
                current.wait_event(self._after)

    def _end(self, keep: bool = True) -> tuple[Any, Exception | None]:
        """End the recording, which is over even where CUDA has an error to tell."""
        try:
            graph = self._stream.end_capture()
            if keep:
                graph.upload(self._stream)  # else the first launch does it
            return graph, None
        except RuntimeError as error:
            return None, error

    def _check_open(self, name: str) -> None:
        # The free blocks of the pool are the graph's scratch.
        if self._graph is not None:
            raise RuntimeError(f"{name}: the graph has been captured; make another Graph")


#: Streams of graphs that are gone, by GPU. cuBLASLt keeps a large workspace for each stream, which
#: is used again with it.
_STREAMS: defaultdict[int, list[Any]] = defaultdict(list)


def _take_stream(device: int) -> Any:
    """A stream that no other graph has; it does not wait for the legacy stream, nor that for it."""
    try:
        return _STREAMS[device].pop()
    except IndexError:
        return cupy.cuda.Stream(non_blocking=True)


def _is_refusal(error: Exception) -> bool:
    """Whether CuPy or CUDA would not record something, as against mistakes of the function."""
    if isinstance(error, CaptureError):
        return False
    return isinstance(error, _CUDA_ERRORS) or (
        isinstance(error, RuntimeError) and "captur" in str(error)  # NotImplementedError is one
    )


_CUDA_ERRORS = (
    cupy.cuda.runtime.CUDARuntimeError,
    cupy.cuda.driver.CUDADriverError,
    cupy.cuda.memory.OutOfMemoryError,
)


def _explained(error: BaseException) -> str:
    return f"the work cannot be captured in a CUDA graph: {error}"


class _Feed:
    """The way from the host to one buffer: two pieces of page-locked memory, used in turn."""

    def __init__(self) -> None:
        self._memories: list[Any] = [None, None]
        self._copied: list[Any] = [None, None]
        self._turn = 0

    def send(self, buffer: Any, array: np.ndarray) -> None:
        turn = self._turn
        if self._copied[turn] is None:
            self._memories[turn] = pinned(buffer.shape, buffer.dtype)
            self._copied[turn] = cupy.cuda.Event(disable_timing=True)
        else:
            self._copied[turn].synchronize()
        np.copyto(self._memories[turn], array)
        stream = cupy.cuda.get_current_stream()
        buffer.set(self._memories[turn], stream=stream)
        self._copied[turn].record(stream)
        self._turn = 1 - turn

    def __del__(self) -> None:
        for event in self._copied:
            if event is not None:
                event.synchronize()  # the memory is used again at once


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    """No garbage collection, which would give memory back at places that nobody can foretell."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
