"""Ranges as a file of the trace event format.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from ..io import replacing
from .recorder import Event

__all__ = ["write_chrome_trace"]

#: The row of ranges as the GPU did them, beside those of the host's threads.
_GPU = "GPU"


def write_chrome_trace(path: str | os.PathLike[str], events: list[Event], device: str) -> None:
    """Write `events` to `path`; on a GPU when they were asked for, and when they were done."""
    process = os.getpid()
    threads = {thread: i for i, thread in enumerate(dict.fromkeys(e.thread for e in events))}
    rows: list[dict[str, Any]] = [_named("process_name", process, "gpunet")]
    for i in threads.values():
        rows.append(_named("thread_name", process, f"host thread {i}", i))
        if device != "cpu":
            rows.append(_named("thread_name", process, f"{_GPU}, asked by thread {i}", _row(i)))
    for e in events:
        arguments: dict[str, Any] = {"shapes": [list(shape) for shape in e.shapes]}
        arguments.update(_rates(e))
        own = {"name": e.name, "cat": e.category, "ph": "X", "pid": process, "args": arguments}
        i = threads[e.thread]
        rows.append(own | {"tid": i, **_span(e.start, e.end)})
        if device != "cpu":
            rows.append(own | {"tid": _row(i), **_span(e.device_start, e.device_end)})
    with replacing(path) as file:
        file.write(_text(rows).encode())


def _row(thread: int) -> int:
    return 1000 + thread


def _named(what: str, process: int, name: str, thread: int = 0) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _span(start: int, end: int) -> dict[str, float]:
    """In microseconds, exact to the nanosecond."""
    return {"ts": start / 1000, "dur": (end - start) / 1000}


def _rates(e: Event) -> dict[str, int]:
    return {name: n for name, n in (("flops", e.flops), ("bytes", e.nbytes)) if n}


def _text(rows: Iterable[dict[str, Any]]) -> str:
    """One event a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"displayTimeUnit": "ms", "traceEvents": [\n{lines}\n]}}\n'
