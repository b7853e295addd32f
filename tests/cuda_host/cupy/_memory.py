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

import numpy as np

ALIGN = 256
GUARD = 512
BLOCK = 512  # the pool's sizes are multiples of it
_serial = itertools.count(1)


class _Pool:
    """Totals behind ``get_default_memory_pool``."""

    used = 0
    total = 0
    limit = 0


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


class Memory:
    """One allocation; arrays that are views of it keep it alive."""

    __slots__ = ("__weakref__", "_pattern", "_start", "block", "nbytes", "ptr", "raw")

    def __init__(self, nbytes):
        self.block = 0  # __del__ runs for an allocation that failed, too
        block = -(-nbytes // BLOCK) * BLOCK
        if "GPUNET_CUDA_HOST_FAIL" in os.environ:
            from .cuda import runtime

            runtime.getDevice()  # raises what a machine without a GPU raises
        if _Pool.limit and _Pool.used + block > _Pool.limit:
            from .cuda.memory import OutOfMemoryError

            raise OutOfMemoryError(nbytes, _Pool.used, _Pool.limit)
        self.raw = np.empty(nbytes + 2 * GUARD + ALIGN, np.uint8)
        base = self.raw.ctypes.data
        self._start = -(-(base + GUARD) // ALIGN) * ALIGN - base
        self.ptr = base + self._start
        self._pattern = next(_serial) % len(_PATTERNS)
        self.raw[self._start - GUARD : self._start] = _PATTERNS[self._pattern]
        self.raw[self._start + nbytes : self._start + nbytes + GUARD] = _PATTERNS[self._pattern]
        self.nbytes = nbytes
        self.block = block
        _Pool.used += block
        _Pool.total = max(_Pool.total, _Pool.used)

    def __del__(self):
        if self.block:
            told = {
                "device_id": 0,
                "mem_size": self.block,
                "mem_ptr": self.ptr,
                "pmem_id": id(self),
            }
            tell("free_preprocess", **told)
            _Pool.used -= self.block
            tell("free_postprocess", **told)

    def array(self, shape, dtype, order="C"):
        """A NumPy view of the payload."""
        return np.ndarray(shape, dtype, self.raw, self._start, order=order)

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


def poison(view):
    """Fill fresh memory with NaN (floats), a large odd number (integers) or True (bool)."""
    kind = view.dtype.kind
    if kind in "fc":
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
    """``cupy.get_default_memory_pool()``; blocks are not really kept, only counted."""

    def malloc(self, size):
        told = {"device_id": 0, "size": size, "mem_size": -(-size // BLOCK) * BLOCK}
        tell("malloc_preprocess", **told)
        memory = None
        try:
            memory = Memory(size)
        finally:
            failed = memory is None
            tell("malloc_postprocess", **told, mem_ptr=0 if failed else memory.ptr,
                 pmem_id=0 if failed else id(memory))  # fmt: skip
        return MemoryPointer(memory, 0)

    def used_bytes(self):
        return _Pool.used

    def total_bytes(self):
        return _Pool.total

    def free_bytes(self):
        return _Pool.total - _Pool.used

    def n_free_blocks(self):
        return 0

    def free_all_blocks(self, stream=None):
        _Pool.total = _Pool.used

    def get_limit(self):
        return _Pool.limit

    def set_limit(self, size=None, fraction=None):
        _Pool.limit = int(size or 0) if fraction is None else int(fraction * 8 * 1024**3)


DEFAULT_POOL = MemoryPool()
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
