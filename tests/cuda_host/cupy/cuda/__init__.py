"""``cupy.cuda``: one device, streams and events.

All work is done at once, but for one kind: a copy out of pinned memory on a stream that does not
wait for the others (``non_blocking=True``) is done as late as CUDA may do it, when something waits
for it. Until then the array on the device holds NaN, and the pinned memory is still to be read.
"""

import threading as _threading
import time as _time
import weakref as _weakref
from collections import deque as _deque

from .._memory import (
    MemoryHook,
    MemoryPointer,
    MemoryPool,
    PinnedMemoryPool,
    alloc,
    get_allocator,
    set_allocator,
    using_allocator,
)
from . import compiler, driver, memory, nvtx, runtime
from .memory import PinnedMemoryPointer

__all__ = [
    "Device", "Event", "ExternalStream", "MemoryHook", "MemoryPointer", "MemoryPool",
    "PinnedMemoryPointer", "PinnedMemoryPool", "Stream", "alloc", "alloc_pinned_memory", "compiler",
    "driver", "get_allocator", "get_current_stream", "get_device_id", "get_elapsed_time",
    "is_available", "memory", "nvtx", "runtime", "set_allocator", "using_allocator",
]  # fmt: skip


class Device:
    """The device; using it as a context does nothing, as there is one."""

    def __init__(self, device=None):
        self.id = 0 if device is None else int(device)
        if self.id != 0:
            raise runtime.CUDARuntimeError(101)

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def use(self):
        runtime.getDeviceCount()

    def synchronize(self):
        runtime.deviceSynchronize()

    compute_capability = "90"

    @property
    def mem_info(self):
        return runtime.memGetInfo()

    @property
    def attributes(self):
        return {"MultiProcessorCount": 4, "MaxThreadsPerBlock": 1024, "WarpSize": 32,
                "MaxSharedMemoryPerBlock": 48 * 1024}  # fmt: skip

    pci_bus_id = "0000:00:00.0"


class Stream:
    """A queue of work; only copies of a non-blocking stream are ever in it (see above)."""

    null = None
    ptds = None

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.null, self.non_blocking, self.ptds = null, non_blocking, ptds
        self.ptr = 0 if null else 2 if ptds else id(self)
        self.device_id, self.priority = 0, priority or 0
        self._before = []
        self._late, self._asked, self._finished = _deque(), 0, 0
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

    done = property(lambda self: not self._late)
    is_non_blocking = property(lambda self: self.non_blocking)

    def synchronize(self):
        from .. import _standin

        _standin.synchronise("stream")
        self._catch_up(self._asked)

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        event._catch_up()

    def is_capturing(self):
        return False

    def launch_host_func(self, callback, arg):
        callback(arg)

    def begin_capture(self, mode=None):
        raise NotImplementedError("the stand-in does not capture graphs")

    def end_capture(self):
        raise NotImplementedError("the stand-in does not capture graphs")


class ExternalStream(Stream):
    """A stream that another library made."""

    def __init__(self, ptr, device_id=-1):
        super().__init__()
        self.ptr = int(ptr)


_streams = _weakref.WeakSet()
Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


class _Current(_threading.local):
    stream = Stream.null


_current = _Current()


def get_current_stream(device_id=-1):
    return _current.stream


class Event:
    """A moment on the host's clock."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._at = None
        self._stream, self._count = None, 0
        self.ptr = id(self)

    done = property(lambda self: self._stream is None or self._stream._finished >= self._count)

    def record(self, stream=None):
        self._at = _time.perf_counter()
        self._stream = get_current_stream() if stream is None else stream
        self._count = self._stream._asked

    def _catch_up(self):
        if self._stream is not None:
            self._stream._catch_up(self._count)

    def synchronize(self):
        from .. import _standin

        _standin.synchronise("event")
        self._catch_up()


def get_elapsed_time(start_event, end_event):
    if start_event._at is None or end_event._at is None:
        raise runtime.CUDARuntimeError(400)
    return (end_event._at - start_event._at) * 1e3


def get_device_id():
    return 0


def is_available():
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError:
        return False


def alloc_pinned_memory(size):
    return memory.PinnedMemoryPointer(int(size))
