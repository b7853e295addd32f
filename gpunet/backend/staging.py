"""Copies from the host to a GPU that neither the host nor the GPU's computations wait for.

    host array --memcpy--> pinned buffer --copy stream--> device array --event--> compute stream

A GPU reads the host's memory on its own only where that is page-locked ("pinned"), which is dear to
make: two sets of buffers are kept and used in turn.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from .device import Device
from .memory import axes_in_memory

__all__ = ["Staging", "in_memory_order", "is_pinned", "pinned"]

#: Bytes of the pieces in which `Staging.whole` copies.
_PIECE = 1 << 25


def pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array in page-locked host memory, from CuPy's pool."""
    dtype = np.dtype(dtype)
    count = 1
    for n in shape:
        count *= n
    memory = cupy.cuda.alloc_pinned_memory(max(1, count * dtype.itemsize))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def is_pinned(array: np.ndarray) -> bool:
    """Whether `array` lies in memory that `pinned` made."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(getattr(base, "obj", base), cupy.cuda.PinnedMemoryPointer)


def in_memory_order(array: Any) -> tuple[Any, list[int] | None]:
    """`array` as a C-contiguous view, and the order of axes that gives it back from that.

    Copies between the host and a GPU are in C order. `array` itself, and None, where it is so
    already or lies with gaps.
    """
    if not array.flags.c_contiguous:
        axes, back = axes_in_memory(array)
        packed = array.transpose(axes)
        if packed.flags.c_contiguous:
            return packed, back
    return array, None


class _Slot:
    """One set of buffers.

    Attributes
    ----------
    memories : list of array
        Pinned bytes, grown as needed.
    used : list of int
        The addresses of the arrays that were made in them for the present `send`.
    copied : Event
        When the copies out of them are done.
    """

    def __init__(self) -> None:
        self.memories: list[np.ndarray] = []
        self.used: list[int] = []
        self.begun = cupy.cuda.Event(disable_timing=True)
        self.copied = cupy.cuda.Event(disable_timing=True)
        self.busy = False


class Staging:
    """Sends arrays to a GPU on a stream of its own; at most one `send` ahead of `receive`.

    Parameters
    ----------
    device : Device
    """

    def __init__(self, device: Device):
        self._device = cupy.cuda.Device(device.index)
        with self._device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
            self._slots = (_Slot(), _Slot())
        self._turn = 0

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Host memory for an array of the next `send`, which then needs no other copy."""
        slot = self._slots[self._turn]
        if slot.busy:
            slot.copied.synchronize()  # the one wait: the GPU may still be reading these buffers
            slot.busy = False
        dtype = np.dtype(dtype)
        count = 1
        for n in shape:
            count *= n
        size, k = count * dtype.itemsize, len(slot.used)
        if k == len(slot.memories):
            slot.memories.append(pinned((size,), np.uint8))
        elif slot.memories[k].nbytes < size:
            slot.memories[k] = pinned((size,), np.uint8)
        array = slot.memories[k][:size].view(dtype).reshape(shape)
        slot.used.append(_address(array))
        return array

    def send(self, arrays: list[np.ndarray]) -> tuple[list[Any], Any]:
        """Start copying `arrays`, which the caller may change after that.

        Returns
        -------
        list of array
            On the device, in the memory order of `arrays`; to be used after `receive` only.
        ticket
            For `receive`.
        """
        slot = self._slots[self._turn]
        sources = [self._staged(slot, array) for array in arrays]
        with self._device:
            # The memory of the new arrays may be some that the computations asked for so far
            # still read or write.
            slot.begun.record(cupy.cuda.get_current_stream())
            self._stream.wait_event(slot.begun)
            sent = []
            for source, axes in sources:
                target = cupy.empty(source.shape, source.dtype)
                if source.size:
                    target.set(source, stream=self._stream)
                sent.append(target if axes is None else target.transpose(axes))
            self._under_way(slot)
        return sent, slot.copied

    def receive(self, ticket: Any) -> None:
        """Have what is computed from now on wait for the arrays of that `send`."""
        with self._device:
            cupy.cuda.get_current_stream().wait_event(ticket)

    def whole(self, array: np.ndarray, rows: np.ndarray | None = None) -> Any:
        """`array`, or these `rows` of it, on the device, in the same memory order.

        It goes there piece by piece: CuPy's own copy takes as much page-locked memory as the array
        is large, and keeps it. The host waits until all is there.
        """
        order = [0, *sorted(range(1, array.ndim), key=lambda i: -abs(array.strides[i]))]
        packed = array.transpose(order)
        if rows is None and not packed.flags.c_contiguous:
            order, packed = [*range(array.ndim)], array
        shape = packed.shape[1:]
        n = len(packed if rows is None else rows)
        with self._device:
            target = cupy.empty((n, *shape), packed.dtype)
            step = max(1, _PIECE * n // max(1, target.nbytes))
            begun = self._slots[self._turn].begun
            begun.record(cupy.cuda.get_current_stream())
            self._stream.wait_event(begun)
            for low in range(0, n if target.size else 0, step):
                slot, high = self._slots[self._turn], min(n, low + step)
                staged = self.empty((high - low, *shape), packed.dtype)
                if rows is None:
                    np.copyto(staged, packed[low:high])
                else:  # "clip" writes into `staged` at once; the numbers are known to be good
                    np.take(packed, rows[low:high], 0, staged, "clip")
                target[low:high].set(staged, stream=self._stream)
                self._under_way(slot)
        self.close()
        return target.transpose([order.index(i) for i in range(array.ndim)])

    def _under_way(self, slot: _Slot) -> None:
        """Note that all copies out of a slot have been asked for; the other one is next."""
        slot.copied.record(self._stream)
        slot.used.clear()
        slot.busy = True
        self._turn = 1 - self._turn

    def close(self) -> None:
        """Wait for the copies under way: their memory, on both sides, may be used again then."""
        for slot in self._slots:
            if slot.busy:
                slot.copied.synchronize()
                slot.busy = False

    def _staged(self, slot: _Slot, array: np.ndarray) -> tuple[np.ndarray, Any]:
        """`array` C-contiguous in pinned memory, and the order of axes that gives it back."""
        packed, axes = in_memory_order(array)
        if not packed.flags.c_contiguous or _address(packed) not in slot.used:
            staged = self.empty(packed.shape, packed.dtype)
            np.copyto(staged, packed)
            packed = staged
        return packed, axes


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
