"""The methods of ndarray that bring values to the host or from it. Each read is counted."""

import weakref

import numpy as np

from . import _standin
from ._memory import PinnedMemoryPointer


def pinned_memory(array):
    """The page-locked memory in which a NumPy array lies, or None."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    base = getattr(base, "obj", base)
    return base if isinstance(base, PinnedMemoryPointer) else None


def late_copy(target, source, memory):
    """A function that copies `source`, in pinned `memory`, to the device; it keeps neither."""
    held = weakref.ref(memory), weakref.ref(target._mem)
    start = source.__array_interface__["data"][0] - memory.ptr
    layout = source.shape, source.dtype, start, source.strides
    goal = target._a

    def copy():
        shape, dtype, offset, strides = layout
        memory = held[0]()
        if memory is None:
            raise RuntimeError("pinned memory was freed before the copy out of it was done")
        if held[1]() is None:
            raise RuntimeError("an array was freed before the copy into it was done")
        goal[...] = np.ndarray(shape, dtype, memory, offset, strides)

    return copy


class Transfer:
    """Base class of ndarray."""

    __slots__ = ()

    def get(self, stream=None, order="C", out=None, blocking=True):
        _standin.synchronise("get")
        if out is None:
            return np.array(self._a, order=order)
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if out.dtype != self.dtype:
            raise TypeError(f"{out.dtype.name} array cannot be obtained from {self.dtype} array")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual: {out.shape}")
        out[...] = self._a
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if stream is None:
            _standin.upload("set")
            self._a[...] = arr
            return
        memory = pinned_memory(arr)
        if memory is None:  # the driver makes a copy first
            _standin.upload("set on a stream", stream)
            self._a[...] = arr
            return
        _standin.upload("set from pinned memory", stream)
        stream._do(late_copy(self, arr, memory))

    def item(self):
        _standin.synchronise("item")
        return self._a.item()

    def tolist(self):
        _standin.synchronise("tolist")
        return self._a.tolist()

    def tobytes(self, order="C"):
        _standin.synchronise("tobytes")
        return self._a.tobytes(order)

    def __bool__(self):
        _standin.synchronise("bool")
        return bool(self._a)

    def __float__(self):
        _standin.synchronise("float")
        return float(self._a)

    def __int__(self):
        _standin.synchronise("int")
        return int(self._a)

    def __complex__(self):
        _standin.synchronise("complex")
        return complex(self._a)

    def __repr__(self):
        _standin.synchronise("repr")
        return repr(self._a)

    def __str__(self):
        _standin.synchronise("str")
        return str(self._a)

    def __format__(self, spec):
        _standin.synchronise("format")
        return format(self._a, spec)
