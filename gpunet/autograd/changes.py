"""Changes in place: which memory was written to, and when, so that a stale backward is an error.

An operation saves arrays, not copies. If the user writes to one of them before the backward pass,
the gradient would be a wrong number without a word. So whoever writes to a tensor's memory says so
here (`Variable.mark_changed`), and the backward pass compares each operation's moment with that of
the last change anywhere. In a usual training step nothing is written between forward and backward,
so this is one comparison of integers for each operation. Only if there was a change are the saved
arrays compared with the memory that was changed.

Memory is told by its addresses, from the first byte to the last, so that views count. An address
means something only as long as the memory lives: each entry has a weak reference to the memory's
owner, and does not count once that is gone. An array that an operation saved keeps its owner alive;
so an entry whose owner lives and whose addresses overlap is of the same memory.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import Any

from ..backend import Array, backend_of

__all__ = ["CHANGES", "Changes", "next_number"]

#: The tape's clock: each operation and each change takes the next number.
next_number = itertools.count(1).__next__

#: So many entries are kept before the dead ones are taken out.
MOST = 1024


class Changes:
    """The memory that was written to, with the moment of the last change.

    Attributes
    ----------
    last : int
        The moment of the last change.
    """

    __slots__ = ("_entries", "last")

    def __init__(self) -> None:
        self.last = 0
        self._entries: dict[tuple[int, int], tuple[int, Any]] = {}

    def note(self, array: Array) -> None:
        """Note that `array` was written to."""
        if array.size:
            self.note_memory(extent(array), owner(array))

    def note_memory(self, bounds: tuple[int, int], owner: Any) -> None:
        """Note that the addresses `bounds` were written to, which live as long as `owner`."""
        self.last = number = next_number()
        if len(self._entries) >= MOST:
            self._shorten()
        self._entries[bounds] = number, owner

    def since(self, number: int, array: Array) -> bool:
        """Whether memory of `array`, which was alive at the moment `number`, changed after it."""
        if not array.size:
            return False
        low, high = extent(array)
        return any(
            moment > number and start < high and low < stop and owner() is not None
            for (start, stop), (moment, owner) in list(self._entries.items())
        )

    def after(self, number: int) -> Changes | None:
        """The changes after the moment `number`, apart from those to come; None if there are none.

        `since` of the result tells the changes between two moments.
        """
        if self.last <= number:
            return None
        part = Changes()
        part._entries = {k: v for k, v in list(self._entries.items()) if v[0] > number}
        return part

    def _shorten(self) -> None:
        """Take out the dead entries; where that is too few, one for each owner is left."""
        entries = {k: v for k, v in self._entries.items() if v[1]() is not None}
        if len(entries) > MOST // 2:
            merged: dict[int, tuple[int, int, int, Any]] = {}
            for (low, high), (number, owner) in entries.items():
                start, stop, moment, _ = merged.get(id(owner()), (low, high, number, owner))
                merged[id(owner())] = (
                    min(low, start),
                    max(high, stop),
                    max(number, moment),
                    owner,
                )
            entries = {(low, high): (n, owner) for low, high, n, owner in merged.values()}
        self._entries = entries


def extent(array: Array) -> tuple[int, int]:
    """The addresses of the first byte of `array`, which is not empty, and after its last."""
    low = backend_of(array).address(array)
    if array.flags.c_contiguous:
        return low, low + array.nbytes
    high = low + array.itemsize
    for n, stride in zip(array.shape, array.strides):
        if stride < 0:
            low += (n - 1) * stride
        else:
            high += (n - 1) * stride
    return low, high


def owner(array: Array) -> Any:
    """A weak reference to what keeps the memory of `array` alive."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    try:
        return weakref.ref(array if array.base is None else array.base)
    except TypeError:  # memory of an object that takes no weak references
        return weakref.ref(array)


def saved_arrays(saved: Any, kind: type) -> Iterator[Array]:
    """The arrays of type `kind` among what an operation saved."""
    for item in saved:
        if type(item) is kind:
            yield item
        elif type(item) is tuple or type(item) is list:
            yield from saved_arrays(item, kind)
        else:
            # The user's own functions save tensors, in their context.
            for tensor in getattr(item, "saved_tensors", ()):
                if type(getattr(tensor, "array", None)) is kind:
                    yield tensor.array


#: The changes in this process.
CHANGES = Changes()
