"""`profile`: while it lasts, every operation and kernel is timed."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..backend import CPU, Backend, Device, backend_for
from .averages import EventList
from .clock import CudaClock, HostClock
from .recorder import RECORDING, Event, Recorder
from .swaps import Swaps
from .trace import write_chrome_trace

__all__ = ["profile"]


class profile:
    """Measures what runs inside it, in the manner of ``torch.profiler.profile``.

    Seen are each operation's forward and backward pass, matrix products and kernels inside them,
    the optimisers' steps, and ranges of `record_function`. Results are the same bits as without
    it. What is not profiled costs nothing: the profile replaces gpunet's functions for as long as
    it lasts, and a profiled operation takes some microseconds more on the host.

    On the CPU times are the host's. On a GPU they are those between two CUDA events in the current
    stream, read when the profile ends, so that nothing waits meanwhile; each range is an NVTX range
    too, for Nsight Systems.

    Parameters
    ----------
    device : str or Device, optional
        Whose clock is read: "cpu" or "cuda", for the current GPU. By default the GPU, if this
        process has used one.

    Raises
    ------
    RuntimeError
        On entering it, if another profile is active.

    Examples
    --------
    >>> with gpunet.profiler.profile() as p:  # doctest: +SKIP
    ...     train_one_step()
    >>> print(p.key_averages().table(sort_by="self_time_total", row_limit=20))  # doctest: +SKIP
    >>> p.export_chrome_trace("trace.json")  # doctest: +SKIP
    """

    def __init__(self, device: str | Device | None = None):
        self.device = None if device is None else Device(device)
        self._recorder: Recorder | None = None
        self._swaps = Swaps()
        self._running = False

    def start(self) -> None:
        """Begin; as entering the context."""
        if RECORDING.recorder is not None:
            raise RuntimeError(
                "profile: another profile is active; profiles cannot be nested, nor run in two "
                "threads: record_function names a part of one"
            )
        backends: list[Backend] = [CPU]
        if self.device is None:
            used = f"{Backend.__module__.rpartition('.')[0]}.cuda" in sys.modules
            self.device = Device("cuda" if used else "cpu")
        if self.device.type == "cuda":
            gpu = backend_for(self.device)
            backends += [gpu, gpu.narrow("float16"), gpu.narrow("bfloat16")]
        clock = CudaClock() if self.device.type == "cuda" else HostClock()
        self._recorder = recorder = Recorder(clock)
        self._swaps.enter(recorder, backends)
        RECORDING.recorder = recorder
        self._running = True

    def stop(self) -> None:
        """End, and wait for the device; as leaving the context."""
        if not self._running:
            raise RuntimeError("profile: stop() before start()")
        self._running = False
        RECORDING.recorder = None
        self._swaps.restore()
        assert self._recorder is not None
        self._recorder.finish()

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def events(self) -> list[Event]:
        """All ranges, in the order in which they began.

        Raises
        ------
        RuntimeError
            If the profile has not ended.
        """
        return self._ended().events

    @property
    def seconds(self) -> float:
        """How long the profile lasted, on the host's clock."""
        return self._ended().seconds

    def key_averages(self) -> EventList:
        """The sums over all ranges of each name."""
        recorder = self._ended()
        return EventList.of(recorder.events, self._place())

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write all ranges to `path`, for chrome://tracing and https://ui.perfetto.dev."""
        write_chrome_trace(path, self._ended().events, self._place())

    def _place(self) -> str:
        assert self.device is not None
        return self.device.type

    def _ended(self) -> Recorder:
        if self._recorder is None or self._running:
            raise RuntimeError("profile: there is nothing to show before the profile has ended")
        return self._recorder

    def __repr__(self) -> Any:
        state = (
            "active"
            if self._running
            else f"{len(self._recorder.events)} events"
            if self._recorder
            else "not started"
        )
        return f"<profile: {state}>"
