"""Device memory: 256-byte aligned, poisoned, with guard bytes on both sides.

::

    raw:  | slack | guard 512 B | payload (ptr is a multiple of 256) | guard 512 B |

Guard words alternate between a NaN and a finite number that differ from one allocation to the next,
so a kernel that reads past the end sees a NaN, and one that copies from guard to guard is noticed.
"""

import contextlib
import itertools
import os
import threading
import weakref

import numpy as np

from . import _stream

ALIGN = 256
GUARD = 512
BLOCK = 512  # the pool's sizes are multiples of it
_serial = itertools.count(1)


def _patterns():
    """251 patterns, made once: two arrays of a launch hardly ever share one."""
    made = []
    for k in range(251):
        words = np.empty(GUARD // 4, np.uint32)
        words[0::2] = 0x7FFF0000 | (k * 257 + 1)
        words[1::2] = 0x4B000000 | (k * 65521 + 1)
        made.append(words.view(np.uint8))
    return made


_PATTERNS = _patterns()
_PATTERN_BYTES = [p.tobytes() for p in _PATTERNS]


class Guards:
    """The guard bytes around the first bytes of an allocation; they do not keep it alive."""

    __slots__ = ("_pattern", "_start", "nbytes", "raw")

    def __init__(self, raw, start, nbytes, pattern):
        self.raw, self._start, self.nbytes, self._pattern = raw, start, nbytes, pattern

    def damage(self):
        """None, or where the guard bytes were overwritten, as text."""
        want = _PATTERN_BYTES[self._pattern]
        first, last = self._start, self._start + self.nbytes
        before = self.raw[first - GUARD : first]
        if before.tobytes() != want:
            bad = np.flatnonzero(before != _PATTERNS[self._pattern])
            return f"{GUARD - int(bad[-1]) // 4 * 4} bytes before the start of the allocation"
        after = self.raw[last : last + GUARD]
        if after.tobytes() != want:
            bad = np.flatnonzero(after != _PATTERNS[self._pattern])
            far = int(bad[0]) // 4 * 4
            return f"{far} bytes past the end of the allocation of {self.nbytes} bytes"
        return None

    def repair(self):
        """Restore the guard bytes, so that one fault is reported once."""
        first, last = self._start, self._start + self.nbytes
        self.raw[first - GUARD : first] = _PATTERNS[self._pattern]
        self.raw[last : last + GUARD] = _PATTERNS[self._pattern]


def _round(nbytes):
    return -(-nbytes // BLOCK) * BLOCK


class Memory:
    """``cupy.cuda.Memory``: one allocation of the driver."""

    __slots__ = (
        "__weakref__", "_arena", "_serial", "_start", "_user", "guards", "nbytes", "ptr", "raw",
        "size",
    )  # fmt: skip

    def __init__(self, size):
        if "GPUNET_CUDA_HOST_FAIL" in os.environ:
            from .cuda import runtime

            runtime.getDevice()  # raises what a machine without a GPU raises
        self.size = size
        self.raw = np.empty(size + 2 * GUARD + ALIGN, np.uint8)
        base = self.raw.ctypes.data
        self._start = -(-(base + GUARD) // ALIGN) * ALIGN - base
        self.ptr = base + self._start
        self._user = self._arena = None
        self._lend(size)
        _allocations[id(self.raw)] = self

    def _lend(self, nbytes):
        """Put guard bytes around the first `nbytes`, for whoever uses them now."""
        self.nbytes, self._serial = nbytes, next(_serial)
        self.guards = Guards(self.raw, self._start, nbytes, self._serial % len(_PATTERNS))
        self.guards.repair()

    def tenant(self):
        """The serial number of the array memory that lies here; 0 if there is none any more."""
        user = None if self._user is None else self._user()
        return 0 if user is None else user._serial

    def array(self, shape, dtype, order="C"):
        """A NumPy view of the payload."""
        return np.ndarray(shape, dtype, self.raw, self._start, order=order)

    def damage(self):
        """None, or where the guard bytes were overwritten, as text."""
        return self.guards.damage()

    def repair(self):
        """Restore the guard bytes, so that one fault is reported once."""
        self.guards.repair()


class PooledMemory(Memory):
    """What a pool lends: arrays that are views of it keep it alive.

    Its numbers are copies of those of the allocation that it lies in.
    """

    __slots__ = ("_pool", "_whole")

    def __init__(self, whole, nbytes, pool):
        whole._lend(nbytes)
        whole._user = weakref.ref(self)
        self._whole, self._pool, self.size = whole, pool, _round(nbytes)
        self.raw, self.ptr, self._start = whole.raw, whole.ptr, whole._start
        self.nbytes, self.guards, self._serial = nbytes, whole.guards, whole._serial

    def __del__(self):
        told = {"device_id": 0, "mem_size": self.size, "mem_ptr": self.ptr, "pmem_id": id(self)}
        tell("free_preprocess", **told)
        self._pool._take_back(self)
        tell("free_postprocess", **told)


#: The driver's allocations by the id of their bytes.
_allocations = weakref.WeakValueDictionary()


def allocation_of(array):
    """The allocation of the driver that a NumPy array of the device lies in, or None."""
    while isinstance(array, np.ndarray):
        found = _allocations.get(id(array))
        if found is not None:
            return found
        array = array.base
    return None


def count_allocations():
    """A number above those of all memory lent so far, and below those to come."""
    return next(_serial)


def poison(view):
    """Fill fresh memory with NaN (floats), a large odd number (integers) or True (bool)."""
    kind = view.dtype.kind
    if kind in "fcV":  # V is bfloat16
        view.fill(np.nan)
    elif kind == "b":
        view.fill(True)
    else:
        view.fill(np.frombuffer(b"\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a", view.dtype)[0])


class MemoryPointer:
    """``ndarray.data``: the address, and the allocation that it lies in."""

    def __init__(self, mem, offset):
        self.mem = mem
        self._offset = offset

    @property
    def ptr(self):
        return self.mem.ptr + self._offset

    @property
    def device(self):
        from .cuda import Device

        return Device(0)

    @property
    def device_id(self):
        return 0

    def __int__(self):
        return self.ptr

    def _bytes(self, size):
        """The NumPy view of the next `size` bytes, which lie in the allocation."""
        if self._offset + size > self.mem.nbytes:
            raise ValueError(f"{size} bytes at {self._offset} reach outside the allocation")
        return np.ndarray((size,), np.uint8, self.mem.raw, self.mem._start + self._offset)

    def copy_from_device_async(self, src, size, stream=None):
        target, source = self._bytes(size), src._bytes(size)
        _stream.submit(lambda: np.copyto(target, source), [target, source], stream)

    def memset_async(self, value, size, stream=None):
        target = self._bytes(size)
        _stream.submit(lambda: target.fill(value), [target], stream)


class MemoryHook:
    """What is told of each allocation and release in the thread that entered it."""

    name = "MemoryHook"

    def __enter__(self):
        if self.name in _local.hooks:
            raise KeyError(f"memory hook {self.name} already exists")
        _local.hooks[self.name] = self
        return self

    def __exit__(self, *exc):
        del _local.hooks[self.name]

    def alloc_preprocess(self, **kwargs):
        pass

    alloc_postprocess = malloc_preprocess = malloc_postprocess = alloc_preprocess
    free_preprocess = free_postprocess = alloc_preprocess


class _Local(threading.local):
    def __init__(self):
        self.hooks = {}
        self.allocator = None


_local = _Local()


def tell(event, **block):
    """Call the hooks of this thread."""
    for hook in _local.hooks.values():
        getattr(hook, event)(**block)


class MemoryPool:
    """A pool of device memory, which keeps what is given back for the stream that asked for it.

    The default pool only counts: each array has memory of its own, so that one that is used after
    its end is seen. Others lend the same memory again, as in CuPy, but for the parts of a block
    that a smaller array leaves free.
    """

    _recycles = True

    def __init__(self, allocator=None):
        self._allocator = allocator or _malloc
        self._free = {}
        self._used = self._total = self._limit = 0
        _pools.add(self)

    def malloc(self, size):
        told = {"device_id": 0, "size": size, "mem_size": _round(size)}
        tell("malloc_preprocess", **told)
        memory = None
        try:
            memory = self._lend(size)
        finally:
            failed = memory is None
            tell("malloc_postprocess", **told, mem_ptr=0 if failed else memory.ptr,
                 pmem_id=0 if failed else id(memory))  # fmt: skip
        return MemoryPointer(memory, 0)

    def _lend(self, size):
        rounded = _round(size)
        whole = self._kept(rounded) if self._recycles and size else None
        if whole is None:
            whole = self._grow(rounded if self._recycles else size)
        memory = PooledMemory(whole, size, self)
        self._used += memory.size
        self._total = max(self._total, self._used)
        return memory

    def _kept(self, rounded):
        """The smallest block of this stream that is large enough."""
        blocks = self._free.get(_stream._current.stream.ptr, ())
        fitting = [k for k, block in enumerate(blocks) if block.size >= rounded]
        if not fitting:
            return None
        return blocks.pop(min(fitting, key=lambda k: blocks[k].size))

    def _grow(self, size):
        from .cuda.memory import OutOfMemoryError

        rounded = _round(size)
        held = self._total if self._recycles else self._used
        if self._limit and held + rounded > self._limit:
            self.free_all_blocks()
            held = self._total if self._recycles else self._used
            if held + rounded > self._limit:
                raise OutOfMemoryError(size, held, self._limit)
        if not self._recycles:
            return Memory(size)
        capture = _stream.current_capture()
        if capture is not None and capture.mode != _stream.STREAM_RELAXED:
            capture.invalidate(900)  # cudaMalloc is allowed in the relaxed mode alone
        self._total += rounded  # as CuPy does it, before it asks
        try:
            whole = self._asked(rounded)
        except BaseException:
            self._total -= rounded
            raise
        whole._arena = _stream._current.stream.ptr
        return whole

    def _asked(self, size):
        """Memory of the driver; where there is none, what the pool keeps is given up for it."""
        from .cuda.memory import OutOfMemoryError
        from .cuda.runtime import CUDARuntimeError

        for attempt in range(2):
            try:
                return self._allocator(size).mem
            except CUDARuntimeError as error:
                if error.status != 2:
                    raise
                if attempt == 0:
                    self.free_all_blocks()
        raise OutOfMemoryError(size, self._total - size)

    def _take_back(self, memory):
        self._used -= memory.size
        if self._recycles and memory.nbytes:
            self._free.setdefault(memory._whole._arena, []).append(memory._whole)

    def used_bytes(self):
        return self._used

    def total_bytes(self):
        return self._total

    def free_bytes(self):
        return self._total - self._used

    def n_free_blocks(self):
        return sum(map(len, self._free.values()))

    def free_all_blocks(self, stream=None):
        if not self._recycles:
            self._total = self._used
            return
        for ptr in [stream.ptr] if stream is not None else list(self._free):
            for whole in self._free.pop(ptr, ()):
                self._total -= whole.size

    def get_limit(self):
        return self._limit

    def set_limit(self, size=None, fraction=None):
        self._limit = int(size or 0) if fraction is None else int(fraction * 8 * 1024**3)


class _DefaultPool(MemoryPool):
    _recycles = False


def _malloc(size):
    """What a pool asks for more memory."""
    return MemoryPointer(Memory(size), 0)


_pools = weakref.WeakSet()


def reserved_bytes():
    """What all pools hold."""
    return sum(pool.total_bytes() for pool in _pools)


DEFAULT_POOL = _DefaultPool()
_allocator = DEFAULT_POOL.malloc


def alloc(size):
    """Memory from the current allocator."""
    return get_allocator()(size)


def get_allocator():
    return _local.allocator or _allocator


def set_allocator(allocator=None):
    global _allocator
    if _local.allocator is not None:
        raise ValueError(
            "Can't change the global allocator inside `using_allocator` context manager"
        )
    _allocator = allocator or DEFAULT_POOL.malloc


@contextlib.contextmanager
def using_allocator(allocator=None):
    """Another allocator in this thread."""
    previous, _local.allocator = _local.allocator, allocator or DEFAULT_POOL.malloc
    try:
        yield
    finally:
        _local.allocator = previous


class PinnedMemoryPool:
    """``cupy.get_default_pinned_memory_pool()``: pinned memory is plain host memory here."""

    def free_all_blocks(self):
        return None

    def n_free_blocks(self):
        return 0


class PinnedMemoryPointer(bytearray):
    """Page-locked host memory: a buffer that NumPy can wrap, with an address."""

    @property
    def ptr(self):
        return np.frombuffer(self, np.uint8).ctypes.data

    def size(self):
        return len(self)
