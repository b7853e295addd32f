"""`Recorder`: the ranges of a run, each with the ranges inside it and with when it was."""

from __future__ import annotations

import threading
from time import perf_counter_ns
from typing import Any

from .clock import HostClock

__all__ = ["RECORDING", "Event", "Recorder"]


class Event:
    """One range: an operation's forward or backward, a kernel, a range of the user's own.

    Attributes
    ----------
    name : str
    category : {"operation", "backward", "product", "kernel", "optimizer", "user"}
    parent : Event or None
        The range that it lies in, of the same thread.
    thread : int
    start, end : int
        In nanoseconds on the host's clock, from the start of the profile. On a GPU, when the work
        was asked for.
    device_start, device_end : int
        On the clock that the profile measures by: on the CPU `start` and `end`, on a GPU when the
        work was done there.
    flops, nbytes : int
        Floating-point operations, and bytes of arrays read and written; 0 where they are not known.
        At the end those of the ranges inside it are among them.
    shapes : list
        Of the array arguments.
    parted : bool
        Whether other ranges lie in it.
    children : int
        On the profile's clock, nanoseconds in the ranges inside it.
    host_children : int
        The same on the host's clock.
    """

    __slots__ = (
        "category",
        "children",
        "device_end",
        "device_start",
        "end",
        "flops",
        "host_children",
        "marks",
        "name",
        "nbytes",
        "parent",
        "parted",
        "shapes",
        "start",
        "thread",
    )  # fmt: skip

    def __init__(self, name: str, category: str, parent: Event | None):
        self.name = name
        self.category = category
        self.parent = parent
        self.thread = threading.get_ident()
        self.start = self.end = self.device_start = self.device_end = 0
        self.flops = self.nbytes = self.children = self.host_children = 0
        self.shapes: list[tuple[int, ...]] = []
        self.parted = False
        self.marks = (0, 0)

    def __repr__(self) -> str:
        return (
            f"<{self.category} {self.name}: {(self.device_end - self.device_start) / 1e3:.1f} us>"
        )


class _Open(threading.local):
    def __init__(self) -> None:
        self.stack: list[Event] = []


class Recorder:
    """Notes when ranges begin and end.

    Parameters
    ----------
    clock : HostClock
        Or another with its methods, as `gpunet.profiler.clock.CudaClock`.
    """

    def __init__(self, clock: HostClock):
        self.clock = clock
        self.events: list[Event] = []
        self.seconds = 0.0
        self._open = _Open()
        self._done = False
        self._zero = perf_counter_ns()

    def begin(self, name: str, category: str) -> Event:
        """A range begins, inside that of this thread which began last."""
        stack = self._open.stack
        parent = stack[-1] if stack else None
        event = Event(name, category, parent)
        if self._done:  # somebody has kept a function of the profile's
            return event
        if parent is not None:
            parent.parted = True
        stack.append(event)
        self.events.append(event)
        self.clock.begin(event)
        event.start = perf_counter_ns()
        return event

    def end(self, event: Event) -> None:
        """The range `event` ends, and with it what has been left open inside it."""
        if self._done or event.end:
            return
        stack = self._open.stack
        while stack:
            last = stack.pop()
            last.end = perf_counter_ns()
            self.clock.end(last)
            if last is event:
                return

    def inside(self) -> Event | None:
        """The range of this thread that has begun last."""
        stack = self._open.stack
        return stack[-1] if stack else None

    def finish(self) -> None:
        """Close what is open, wait for the device, and put all times in their places."""
        while (event := self.inside()) is not None:
            self.end(event)
        stop = perf_counter_ns()
        self._done = True
        self.seconds = (stop - self._zero) / 1e9
        # Another thread may be in the middle of one.
        self.events = [event for event in self.events if event.end]
        for event in self.events:
            event.start -= self._zero
            event.end -= self._zero
        self.clock.finish(self.events)
        self._sum_up()

    def _sum_up(self) -> None:
        """Add to each range what it owes to those inside it, the innermost first."""
        bytes_inside: dict[int, int] = {}
        for event in reversed(self.events):
            # What its kernels move is what an operation moves; where it has none, its arguments.
            event.nbytes = bytes_inside.pop(id(event), 0) or event.nbytes
            parent = event.parent
            if parent is None:
                continue
            parent.children += event.device_end - event.device_start
            parent.host_children += event.end - event.start
            parent.flops += event.flops
            bytes_inside[id(parent)] = bytes_inside.get(id(parent), 0) + event.nbytes


class _Recording:
    """Which recorder takes the user's ranges; one object, so that asking is one look."""

    recorder: Any = None


RECORDING = _Recording()
