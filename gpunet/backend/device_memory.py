"""The memory of a GPU: what CuPy's pool holds, its peaks, and the error when there is no more.

CuPy keeps one pool for each GPU. An array takes a block of it and gives it back; the pool gives
memory back to the driver only when told to::

    driver's memory:  [ other processes | pool: [ blocks in use | blocks for reuse ] | free ]
                                          <------ reserved_bytes ----->
                                                  <- used_bytes ->

A captured graph (``cuda_graph.py``) has a pool of its own, a `PrivatePool`, which counts as well.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import cupy

from .. import errors

__all__ = [
    "PrivatePool",
    "allocator",
    "available_bytes",
    "free_bytes",
    "install",
    "peaks_of",
    "release",
    "reserved_bytes",
    "size",
    "used_bytes",
]

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class OutOfMemoryError(errors.OutOfMemoryError, cupy.cuda.memory.OutOfMemoryError):
    """Also CuPy's error, for code that catches that. The message is made by `_explained`."""

    def __init__(self, message: str):
        RuntimeError.__init__(self, message)

    def __reduce__(self) -> Any:
        return type(self), self.args


def allocator(inner: Any) -> Any:
    """The CuPy allocator `inner` with gpunet's error in place of CuPy's.

    Every array comes from the current allocator: results, kernels' scratch, copies from the host.
    So this is the one place where the error has to be explained, and what it costs is one call of
    a Python function for each new array; a `try` that meets no exception costs nothing.
    """

    def allocate(size: int) -> Any:
        try:
            return inner(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            if isinstance(error, OutOfMemoryError):
                raise
            raise OutOfMemoryError(_explained(size)) from error

    return allocate


def install() -> None:
    """Put `allocator` around the one that CuPy uses, which may be the user's own.

    One that the user sets later, or with ``using_allocator``, has CuPy's error as before.
    """
    with contextlib.suppress(ValueError):  # inside of using_allocator nothing can be set
        cupy.cuda.set_allocator(allocator(cupy.cuda.get_allocator()))


def size(count: int) -> str:
    """A number of bytes for people: ``1.50 GiB``."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.2f} {_UNITS[unit]}" if unit else f"{count} bytes"


def _explained(asked: int) -> str:
    device = cupy.cuda.get_device_id()
    free, total = cupy.cuda.runtime.memGetInfo()
    used, reserved = used_bytes(device), reserved_bytes(device)
    limit = cupy.get_default_memory_pool().get_limit()
    limited = f"; CuPy's pool is limited to {size(limit)}" if limit else ""
    return (
        f"CUDA out of memory on cuda:{device}: tried to allocate {size(asked)}; {size(free)} of "
        f"{size(total)} are free{limited}. This process holds {size(reserved)}: {size(used)} in "
        f"arrays and {size(reserved - used)} kept for reuse. Lower the batch size, compute parts "
        "of the network again instead of keeping their results (gpunet.utils.checkpoint), or give "
        "back what is kept for reuse (gpunet.cuda.empty_cache())"
    )


def used_bytes(device: int) -> int:
    """Bytes in arrays on a GPU. CuPy adds up its blocks for it: not for every operation."""
    with cupy.cuda.Device(device):
        return sum(pool.used_bytes() for pool in _pools(device))


def reserved_bytes(device: int) -> int:
    """Bytes that the pools of a GPU have from the driver, in arrays or kept for reuse."""
    with cupy.cuda.Device(device):
        return sum(pool.total_bytes() for pool in _pools(device))


def _pools(device: int) -> list[Any]:
    own = [private.pool for private in _PRIVATE if private.device == device]
    return [cupy.get_default_memory_pool(), *own]


def free_bytes(device: int) -> tuple[int, int]:
    """What the driver has to give on a GPU, and what there is in all."""
    with cupy.cuda.Device(device):
        return cupy.cuda.runtime.memGetInfo()


def available_bytes(device: int) -> int:
    """Bytes that new arrays may take on a GPU: free, or kept for reuse, within the pool's limit."""
    with cupy.cuda.Device(device):
        pool = cupy.get_default_memory_pool()
        used, limit = pool.used_bytes(), pool.get_limit()
        available = cupy.cuda.runtime.memGetInfo()[0] + pool.total_bytes() - used
    return max(0, min(available, limit - used)) if limit else available


class _Driver:
    """Asks the driver for a private pool. It does not know the pool, which knows it: no cycle.

    Attributes
    ----------
    recording : bool
        Whether work on the pool's arrays is being recorded.
    """

    def __init__(self, device: int):
        self.device = device
        self.recording = False

    def __call__(self, size: int) -> Any:
        """So much memory, within the limit of CuPy's pool for all pools together."""
        default = cupy.get_default_memory_pool()
        limit, wanted = default.get_limit(), reserved_bytes(self.device)  # CuPy counted it already
        if limit and wanted > limit:
            raise cupy.cuda.memory.OutOfMemoryError(size, wanted - size, limit)
        try:
            return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status != _NO_MEMORY:
                raise
            if self.recording:
                # Not CUDA's error: at that, CuPy's pool gives its free blocks to the driver, but
                # those are used by what has been recorded so far.
                raise cupy.cuda.memory.OutOfMemoryError(size, wanted - size) from error
        default.free_all_blocks()
        return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)


class PrivatePool:
    """A pool beside CuPy's own, for the arrays of one captured graph.

    Parameters
    ----------
    device : int

    Attributes
    ----------
    pool : cupy.cuda.MemoryPool
    inside : bool
        Whether it is being asked for memory just now.
    """

    def __init__(self, device: int):
        self.device = device
        self.inside = False
        self._driver = _Driver(device)
        self.pool = cupy.cuda.MemoryPool(self._driver)
        with cupy.cuda.Device(device):
            self.pool.set_limit(0)  # CUPY_GPU_MEMORY_LIMIT is heeded by _Driver
        _PRIVATE.add(self)

    def allocate(self, size: int) -> Any:
        """Memory for an array: for `cupy.cuda.using_allocator`."""
        self.inside = True
        try:
            return self.pool.malloc(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise OutOfMemoryError(_explained(size)) from error
        finally:
            self.inside = False

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While work on the arrays is recorded: no other pool may be asked then."""
        self._driver.recording = True
        try:
            with _Watch(self):
                yield
        finally:
            self._driver.recording = False


#: ``cudaErrorMemoryAllocation``.
_NO_MEMORY = 2

_PRIVATE: weakref.WeakSet[PrivatePool] = weakref.WeakSet()


class _Watch(cupy.cuda.MemoryHook):
    """Refuses memory from other pools."""

    def __init__(self, private: PrivatePool):
        super().__init__()
        self.name = f"gpunet capture {id(self)}"
        self.private = private

    def malloc_preprocess(self, **block: Any) -> None:
        if not self.private.inside:
            raise errors.CaptureError(
                f"an array of {size(block['size'])} is made outside of the memory pool of the graph"
                " that is being captured; its memory would not be kept for the replays"
            )


class Counter(cupy.cuda.MemoryHook):
    """Keeps the peak of the bytes in arrays, which CuPy's pool does not.

    CuPy calls a hook before and after each allocation and each release, in the thread that entered
    it: four calls of Python functions for an array. A step whose launches Python can hardly keep up
    with should not pay that unasked, so counting starts with the first question for a peak. The sum
    is checked against the pool's own, which goes through all blocks, only where it would be a new
    peak: releases in other threads are not seen here.
    """

    def __init__(self, device: int):
        super().__init__()
        self.device = device
        self.name = f"gpunet peak {device} {id(self)}"
        self.thread = threading.current_thread()
        self.active = True
        self.used = self.peak = 0

    def malloc_postprocess(self, **block: Any) -> None:
        if not self.active or block["device_id"] != self.device or not block["mem_ptr"]:
            return
        self.used += block["mem_size"]
        if self.used > self.peak:
            self.used = used_bytes(self.device)
            self.peak = max(self.peak, self.used)

    def free_postprocess(self, **block: Any) -> None:
        if block["device_id"] == self.device:
            self.used -= block["mem_size"]


class Peaks:
    """The largest use so far of one GPU's memory."""

    def __init__(self, device: int):
        self.device = device
        self.hook: Counter | None = None
        self.reserved = 0

    def start(self) -> None:
        """Count from now on, in this thread, or start anew."""
        self.reserved = reserved_bytes(self.device)
        if self.hook is None or self.hook.thread is not threading.current_thread():
            if self.hook is not None:
                self.hook.active = False  # it is in the other thread's list: only that can go in
            self.hook = Counter(self.device)
            self.hook.__enter__()
        self.hook.used = self.hook.peak = used_bytes(self.device)

    @property
    def used(self) -> int | None:
        """The largest sum of the bytes in arrays; None if nobody has begun to count."""
        return None if self.hook is None else self.hook.peak

    def note_reserved(self) -> int:
        """The largest size of the pool, which shrinks in `release` alone."""
        self.reserved = max(self.reserved, reserved_bytes(self.device))
        return self.reserved


_PEAKS: dict[int, Peaks] = {}


def peaks_of(device: int) -> Peaks:
    """The peaks of a GPU."""
    if device not in _PEAKS:
        _PEAKS[device] = Peaks(device)
    return _PEAKS[device]


def release(device: int) -> None:
    """Give the blocks that no array uses back to the driver."""
    peaks_of(device).note_reserved()
    with cupy.cuda.Device(device):
        cupy.get_default_memory_pool().free_all_blocks()
