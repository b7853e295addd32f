"""Averages as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from .peaks import Peaks

if TYPE_CHECKING:
    from .averages import EventList, FunctionEventAvg

__all__ = ["rendered"]

_HEADINGS = {
    "self_time_total": "self",
    "time_total": "total",
    "self_cpu_time_total": "self host",
    "cpu_time_total": "host",
}
_ORDERS = (*_HEADINGS, "count")


def rendered(
    averages: EventList,
    sort_by: str,
    row_limit: int,
    peaks: Peaks | None,
    title: str | None,
    brief: bool,
) -> Any:
    """The first `row_limit` of `averages`, the largest of `sort_by` first."""
    if sort_by not in _ORDERS:
        raise ValueError(f"table: sort_by: expected one of {', '.join(_ORDERS)}, got {sort_by!r}")
    rows = sorted(averages, key=lambda x: getattr(x, sort_by), reverse=True)
    rows = rows if row_limit < 0 else rows[:row_limit]
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 0 if brief else 1),
        title=title,
        title_justify="left",
    )
    table.add_column("name", overflow="fold", max_width=40)
    if not brief:
        table.add_column("kind")
    by_time = sort_by if sort_by in _HEADINGS else "self_time_total"
    times = [by_time] if brief else ["self_time_total", "time_total"]
    if not brief and averages.device != "cpu":
        times += ["self_cpu_time_total", "cpu_time_total"]
    headings = [x for time in times for x in _pair(time, _HEADINGS[time], "%")]
    for heading in (*headings, "calls", "mean", "GFLOP/s", "GB/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for x in rows:
        kind = [] if brief else [x.category]
        table.add_row(Text(x.key), *kind, *_cells(x, times, averages.total, peaks))
    return table


def _cells(x: FunctionEventAvg, times: list[str], total: float, peaks: Peaks | None) -> list[str]:
    shown = [(time, getattr(x, time)) for time in times]
    return [
        *[text for name, n in shown for text in _pair(name, _time(n), _share(n, total))],
        str(x.count),
        _time(x.time),
        _rate(x.gflops, peaks.gflops if peaks else None),
        _rate(x.gbytes, peaks.gbytes if peaks else None),
    ]


def _pair(time: str, text: str, share: str) -> tuple[str, ...]:
    """The total that shares are of is on the device's clock, so the host's times have none."""
    return (text,) if "cpu" in time else (text, share)


def _time(microseconds: float) -> str:
    """``"12.3us"``, ``"4.56ms"``, ``"7.89s"``."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.2f}{unit}"
    return f"{microseconds:.1f}us"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _rate(rate: float | None, peak: float | None) -> str:
    if rate is None:
        return "-"
    text = f"{rate:.1f}" if rate < 1000 else f"{rate:,.0f}"
    return f"{text} ({rate / peak:.0%})" if peak else text
