"""The clocks that ranges are measured by: the host's, and that of a GPU."""

from __future__ import annotations

from typing import Any

__all__ = ["CudaClock", "HostClock"]

#: Milliseconds after which a GPU's times are counted from a later event: the driver gives the time
#: between two events as a float32, which is exact to some nanoseconds only if it is short.
_SPAN = 100.0


class HostClock:
    """The host's own: what a range takes is what Python sees."""

    def begin(self, event: Any) -> None:
        """The range `event` begins."""

    def end(self, event: Any) -> None:
        """The range `event` ends."""

    def finish(self, events: list[Any]) -> None:
        """Set when the ranges were, on this clock."""
        for event in events:
            event.device_start, event.device_end = event.start, event.end


class CudaClock(HostClock):
    """Events in the current stream of the current GPU, read at the end, and NVTX ranges.

    Nothing waits for the device between `begin` of the first range and `finish`. A range lasts from
    the moment when the GPU has done all that was asked of it before, to the moment when it has done
    what the range asked for: where the GPU waits for Python inside it, that counts.
    """

    def __init__(self) -> None:
        import cupy

        self._cuda = cupy.cuda
        self._push, self._pop = cupy.cuda.nvtx.RangePush, cupy.cuda.nvtx.RangePop
        cupy.cuda.get_current_stream().synchronize()  # so that both clocks begin together
        self._marks: list[Any] = []
        self._mark()

    def _mark(self) -> int:
        mark = self._cuda.Event()
        mark.record()
        self._marks.append(mark)
        return len(self._marks) - 1

    def begin(self, event: Any) -> None:
        self._push(event.name)
        event.marks = (self._mark(), 0)

    def end(self, event: Any) -> None:
        event.marks = (event.marks[0], self._mark())
        self._pop()

    def finish(self, events: list[Any]) -> None:
        times = self._times()
        for event in events:
            first, last = event.marks
            event.device_start, event.device_end = times[first], times[last]
        self._marks.clear()

    def _times(self) -> list[int]:
        """When each mark was, in nanoseconds from the first."""
        times = []
        begun, since = 0.0, self._marks[0]
        for mark in self._marks:
            if not mark.done:
                mark.synchronize()
            elapsed = self._cuda.get_elapsed_time(since, mark)
            times.append(round((begun + elapsed) * 1e6))
            if elapsed > _SPAN:
                begun, since = begun + elapsed, mark
        return times
