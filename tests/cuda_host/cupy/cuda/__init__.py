"""``cupy.cuda``: one device, streams and events that are always done."""

import time as _time

from .._memory import Memory, MemoryPointer, MemoryPool, PinnedMemoryPool
from . import compiler, driver, memory, runtime

__all__ = [
    "Device", "Event", "ExternalStream", "MemoryPointer", "MemoryPool", "PinnedMemoryPool",
    "Stream", "alloc", "alloc_pinned_memory", "compiler", "driver", "get_current_stream",
    "get_device_id", "get_elapsed_time", "is_available", "memory", "runtime",
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
    """A queue of work that is empty whenever Python runs."""

    null = None
    ptds = None

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.null, self.non_blocking, self.ptds = null, non_blocking, ptds
        self.ptr = 0 if null else 2 if ptds else id(self)
        self.device_id, self.priority = 0, priority or 0
        self._before = []

    def __eq__(self, other):
        return isinstance(other, Stream) and other.ptr == self.ptr

    def __hash__(self):
        return self.ptr

    def __enter__(self):
        self._before.append(_current[0])
        _current[0] = self
        return self

    def __exit__(self, *exc):
        _current[0] = self._before.pop()

    def use(self):
        _current[0] = self
        return self

    done = True
    is_non_blocking = property(lambda self: self.non_blocking)

    def synchronize(self):
        from .. import _standin

        _standin.synchronise("stream")

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        return None

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


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)
_current = [Stream.null]


def get_current_stream(device_id=-1):
    return _current[0]


class Event:
    """A moment on the host's clock."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._at = None
        self.ptr = id(self)

    done = True

    def record(self, stream=None):
        self._at = _time.perf_counter()

    def synchronize(self):
        from .. import _standin

        _standin.synchronise("event")


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


def alloc(size):
    return MemoryPointer(Memory(int(size)), 0)


def alloc_pinned_memory(size):
    return memory.PinnedMemoryPointer(int(size))
