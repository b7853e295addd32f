"""Streams, events and the capture of a stream's work into a graph.

All work is done at once, but for two kinds. A copy out of pinned memory on a stream that does not
wait for the others (``non_blocking=True``) is done as late as CUDA may do it, when something waits
for it. And what a capturing stream is asked for is not done but written down::

    begin_capture()    submit(work)  submit(work) ...    end_capture() -> Graph
                       [   the nodes, none is done   ]                    launch(): done in order

Whatever works on device memory goes through `submit`.
"""

import collections
import threading
import time
import weakref

import numpy as np

from . import _standin

#: The captures under way, of all threads.
captures = []
STREAM_RELAXED = 2
_READS = "the current stream is capturing, so D2H transfers are disallowed"
_UPLOADS = "the current stream is capturing, so H2D transfers are disallowed"
_INVALID = "the stream was capturing, but an error has invalidated the capture sequence"


def _error(status):
    from .cuda.runtime import CUDARuntimeError

    return CUDARuntimeError(status)


class Capture:
    """What one stream, and those that wait for its events, are asked for meanwhile."""

    def __init__(self, origin, mode):
        from ._memory import count_allocations

        self.origin, self.mode, self.valid = origin, mode, True
        self.nodes, self.memory = [], {}
        self.joined, self.unjoined = {origin}, {}  # the last node of each stream not waited for
        self.begun, self.ended = count_allocations(), None

    def add(self, stream, work, arrays):
        if not self.valid:
            raise _error(901)
        self.nodes.append(work)
        if stream is not self.origin:
            self.unjoined[stream] = len(self.nodes)
        self.note(arrays)

    def note(self, arrays):
        """Remember which allocations the graph uses."""
        from ._memory import allocation_of

        for array in arrays:
            found = allocation_of(array)
            if found is not None and found.size:
                self.memory[id(found)] = weakref.ref(found)

    def invalidate(self, status=None):
        """What CUDA does on a call that is not allowed: the capture is lost."""
        self.valid = False
        if status is not None:
            raise _error(status)

    def finish(self):
        from ._memory import count_allocations

        captures.remove(self)
        for stream in self.joined:
            stream._capture = None
        self.ended = count_allocations()


def current_capture():
    """The capture of the current stream, or None."""
    return _current.stream._capture


def submit(work, arrays=(), stream=None):
    """Do `work`, a function of no arguments, in the order of a stream, or write it down there.

    Parameters
    ----------
    work : function
        It may not keep arrays of the device alive; a kernel does not either.
    arrays : sequence of numpy.ndarray
        The memory that it uses, so that a launch of the graph can see whether it is still there.
    stream : Stream, optional
        The current one where it is left out.
    """
    stream = _current.stream if stream is None else stream
    if stream._capture is not None:
        stream._capture.add(stream, work, arrays)
        return
    if captures:
        _check_legacy(stream)
    if stream._late:
        stream._catch_up(stream._asked)
    work()


def _check_legacy(stream):
    if stream.ptr == 0:
        for capture in captures:
            if not capture.origin.non_blocking:
                capture.invalidate(906)


def refuse_read(what):
    """What waiting for values of the device does in a capture."""
    capture = current_capture()
    if capture is not None:
        raise RuntimeError(_READS if capture.valid else _INVALID)


def refuse_upload(what, stream=None):
    """What a copy from the host does in a capture, be its memory pinned or not."""
    capture = (_current.stream if stream is None else stream)._capture
    if capture is not None:
        raise RuntimeError(_UPLOADS if capture.valid else _INVALID)


def refuse_library(name):
    """What CuPy says to calls of cuBLAS and its kin in a capture."""
    capture = current_capture()
    if capture is not None:
        raise NotImplementedError(
            f"calling {name} API during stream capture is currently unsupported"
        )


def wait_for_device():
    """``cudaDeviceSynchronize``."""
    for capture in captures:
        capture.invalidate()
    if captures:
        raise _error(900)
    _standin.count_wait("device")
    for stream in list(_streams):
        stream._catch_up(stream._asked)


class Graph:
    """``cupy.cuda.Graph``: work that is done by one launch, as often as wanted."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream "
            "capture"
        )

    @classmethod
    def _of(cls, capture):
        self = object.__new__(cls)
        self._nodes, self._memory = capture.nodes, list(capture.memory.values())
        self._ended = capture.ended
        return self

    def launch(self, stream=None):
        self._check_memory()
        submit(self._run, stream=stream)

    def upload(self, stream=None):
        if (stream or _current.stream)._capture is not None:
            (stream or _current.stream)._capture.invalidate(900)

    def debug_dot_str(self, flags=0):
        return f"digraph {{ /* {len(self._nodes)} nodes */ }}"

    def _run(self):
        for work in self._nodes:
            work()

    def _check_memory(self):
        """A GPU would read and write whatever is at those addresses now."""
        for held in self._memory:
            memory = held()
            if memory is None:
                raise RuntimeError("the graph uses memory that was freed")
            if memory.tenant() > self._ended:
                raise RuntimeError("the graph uses memory that has been given to a newer array")


class Stream:
    """A queue of work; only copies of a non-blocking stream are ever in it (see above)."""

    null = None
    ptds = None

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.null, self.non_blocking, self.ptds = null, non_blocking, ptds
        self.ptr = 0 if null else 2 if ptds else id(self)
        self.device_id, self.priority = 0, priority or 0
        self._before = []
        self._late, self._asked, self._finished = collections.deque(), 0, 0
        self._capture = None
        _streams.add(self)

    def _do(self, work):
        """Do `work`, a function, at once or late."""
        self._asked += 1
        self._late.append(work)
        if not self.non_blocking:
            self._catch_up(self._asked)

    def _catch_up(self, count):
        """Do the first `count` pieces of work ever asked for, as far as they are not done."""
        while self._finished < count:
            self._finished += 1
            self._late.popleft()()

    def __eq__(self, other):
        return isinstance(other, Stream) and other.ptr == self.ptr

    def __hash__(self):
        return self.ptr

    def __enter__(self):
        self._before.append(_current.stream)
        _current.stream = self
        return self

    def __exit__(self, *exc):
        _current.stream = self._before.pop()

    def use(self):
        _current.stream = self
        return self

    is_non_blocking = property(lambda self: self.non_blocking)

    @property
    def done(self):
        if self._capture is not None:
            self._capture.invalidate()  # CuPy looks at the status for "done" only
            return False
        return not self._late

    def synchronize(self):
        if self._capture is not None:
            self._capture.invalidate(900)
        _standin.count_wait("stream")
        self._catch_up(self._asked)

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        capture = event._capture
        if self._capture is not None and capture is not self._capture:
            if event._stream is not None:
                self._capture.invalidate(905)
        elif capture is not None and capture.ended is None:
            if capture.unjoined.get(event._stream, event._work + 1) <= event._work:
                del capture.unjoined[event._stream]
            if self._capture is None:
                self._capture = capture
                capture.joined.add(self)
                capture.unjoined[self] = len(capture.nodes)
        else:
            event._catch_up()

    def is_capturing(self):
        if self._capture is None:
            if captures:
                _check_legacy(self)
            return False
        if not self._capture.valid:
            raise RuntimeError(_INVALID)
        return True

    def launch_host_func(self, callback, arg):
        submit(lambda: callback(arg), stream=self)

    def begin_capture(self, mode=None):
        if self.ptr in (0, 1):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self._capture is not None:
            self._capture.invalidate(401)
        self._capture = Capture(self, STREAM_RELAXED if mode is None else mode)
        captures.append(self._capture)

    def end_capture(self):
        capture = self._capture
        if capture is None:
            raise _error(401)
        if capture.origin is not self:
            capture.invalidate(903)
        capture.finish()
        if not capture.valid:
            raise _error(901)
        if capture.unjoined:
            raise _error(904)
        return Graph._of(capture)


class ExternalStream(Stream):
    """A stream that another library made."""

    def __init__(self, ptr, device_id=-1):
        super().__init__()
        self.ptr = int(ptr)


_streams = weakref.WeakSet()
Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


class _Current(threading.local):
    stream = Stream.null


_current = _Current()


def get_current_stream(device_id=-1):
    return _current.stream


class Event:
    """A moment on the host's clock, and the work of a stream before it."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._at = None
        self._stream, self._count, self._capture, self._work = None, 0, None, 0
        self.ptr = id(self)

    @property
    def done(self):
        if self._captured:
            self._capture.invalidate()
            return False
        return self._stream is None or self._stream._finished >= self._count

    @property
    def _captured(self):
        return self._capture is not None and self._capture.ended is None

    def record(self, stream=None):
        self._at = time.perf_counter()
        self._stream = get_current_stream() if stream is None else stream
        self._count = self._stream._asked
        self._capture = self._stream._capture
        if self._capture is not None:
            if not self._capture.valid:
                raise _error(901)
            self._work = len(self._capture.nodes)

    def _catch_up(self):
        if self._stream is not None:
            self._stream._catch_up(self._count)

    def synchronize(self):
        if self._captured:
            self._capture.invalidate(907)
        _standin.count_wait("event")
        self._catch_up()


def get_elapsed_time(start_event, end_event):
    if start_event._at is None or end_event._at is None:
        raise _error(400)
    return (end_event._at - start_event._at) * 1e3


def leaves(value):
    """The NumPy arrays and scalars in lists, tuples and dicts, in order."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        yield from leaves(list(value.values()))
    elif isinstance(value, (np.ndarray, np.generic, bool, int, float, complex)):
        yield value
