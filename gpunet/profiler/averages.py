"""The sums over all ranges of a name, and their table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .peaks import Peaks
from .recorder import Event

__all__ = ["EventList", "FunctionEventAvg"]


class FunctionEventAvg:
    """All ranges of one name and category, summed up.

    Attributes
    ----------
    key, category : str
    count : int
        Calls.
    time_total, self_time_total : float
        In microseconds on the device's clock, with and without the ranges inside.
    cpu_time_total, self_cpu_time_total : float
        The same on the host's clock: on a GPU, what it took to ask for the work.
    flops, nbytes : int
        0 where they are not known.
    """

    __slots__ = (
        "category", "count", "cpu_time_total", "flops", "key", "nbytes", "self_cpu_time_total",
        "self_time_total", "time_total",
    )  # fmt: skip

    def __init__(self, key: str, category: str):
        self.key = key
        self.category = category
        self.count = self.flops = self.nbytes = 0
        self.time_total = self.self_time_total = 0.0
        self.cpu_time_total = self.self_cpu_time_total = 0.0

    def add(self, event: Event) -> None:
        """Add one range."""
        time, host = event.device_end - event.device_start, event.end - event.start
        self.count += 1
        self.self_time_total += (time - event.children) / 1e3
        self.self_cpu_time_total += (host - event.host_children) / 1e3
        if _inside_its_like(event):  # whose time and counts include this one's
            return
        self.time_total += time / 1e3
        self.cpu_time_total += host / 1e3
        self.flops += event.flops
        self.nbytes += event.nbytes

    @property
    def time(self) -> float:
        """Microseconds of a call."""
        return self.time_total / self.count

    @property
    def gflops(self) -> float | None:
        """GFLOP/s; None where nothing is known of the operations."""
        return self.flops / self.time_total / 1e3 if self.flops and self.time_total else None

    @property
    def gbytes(self) -> float | None:
        """GB/s; None where nothing is known of the bytes."""
        return self.nbytes / self.time_total / 1e3 if self.nbytes and self.time_total else None

    def __repr__(self) -> str:
        return f"<{self.category} {self.key}: {self.count} calls, {self.time_total:.1f} us>"


def _inside_its_like(event: Event) -> bool:
    parent = event.parent
    while parent is not None:
        if parent.name == event.name and parent.category == event.category:
            return True
        parent = parent.parent
    return False


class EventList(list[FunctionEventAvg]):
    """What `profile.key_averages` returns: a `FunctionEventAvg` for each name.

    Attributes
    ----------
    device : str
        "cpu" or "cuda": whose clock the times are of.
    total : float
        Microseconds in all ranges together.
    """

    def __init__(self, averages: Iterable[FunctionEventAvg], device: str, total: float):
        super().__init__(averages)
        self.device = device
        self.total = total

    @classmethod
    def of(cls, events: Iterable[Event], device: str) -> EventList:
        """Sum up `events`."""
        found: dict[tuple[str, str], FunctionEventAvg] = {}
        for event in events:
            key = event.category, event.name
            if key not in found:
                found[key] = FunctionEventAvg(event.name, event.category)
            found[key].add(event)
        return cls(found.values(), device, sum(x.self_time_total for x in found.values()))

    def only(self, *categories: str) -> EventList:
        """Those of some categories; shares stay those of the whole."""
        return EventList([x for x in self if x.category in categories], self.device, self.total)

    def table(
        self,
        sort_by: str = "self_time_total",
        row_limit: int = 100,
        peaks: Peaks | None = None,
    ) -> str:
        """The costliest as a table.

        Parameters
        ----------
        sort_by : str
            "self_time_total", "time_total", "self_cpu_time_total", "cpu_time_total" or "count".
        row_limit : int
            Rows at most; -1 for all.
        peaks : Peaks, optional
            From `measure_peaks`: rates get their share of them.

        Raises
        ------
        ValueError
            If `sort_by` is another name.
        """
        from io import StringIO

        from rich.console import Console

        text = StringIO()
        table = self.rich_table(sort_by, row_limit, peaks)
        Console(file=text, width=160, no_color=True, highlight=False).print(table)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"

    def rich_table(
        self,
        sort_by: str = "self_time_total",
        row_limit: int = 100,
        peaks: Peaks | None = None,
        title: str | None = None,
        brief: bool = False,
    ) -> Any:
        """The same for a rich console; `brief` shows only the time that it is sorted by."""
        from .table import rendered

        return rendered(self, sort_by, row_limit, peaks, title, brief)
