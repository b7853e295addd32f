"""``cupy.cuda``: one device, memory, streams, events and graphs."""

from .._memory import (
    Memory,
    MemoryHook,
    MemoryPointer,
    MemoryPool,
    PinnedMemoryPool,
    alloc,
    get_allocator,
    set_allocator,
    using_allocator,
)
from .._stream import (
    Event,
    ExternalStream,
    Graph,
    Stream,
    get_current_stream,
    get_elapsed_time,
)
from . import compiler, driver, memory, nvtx, runtime
from .memory import PinnedMemoryPointer

__all__ = [
    "Device", "Event", "ExternalStream", "Graph", "Memory", "MemoryHook", "MemoryPointer",
    "MemoryPool", "PinnedMemoryPointer", "PinnedMemoryPool", "Stream", "alloc",
    "alloc_pinned_memory", "compiler", "driver", "get_allocator", "get_current_stream",
    "get_device_id", "get_elapsed_time", "is_available", "memory", "nvtx", "runtime",
    "set_allocator", "using_allocator",
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


def get_device_id():
    return 0


def is_available():
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError:
        return False


def alloc_pinned_memory(size):
    return memory.PinnedMemoryPointer(int(size))
