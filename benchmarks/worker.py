"""One side of a comparison in a process of its own; started by `gpunet.benchmarks.harness`.

The task is JSON on the command line, the answer the last line of standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from .case import Unavailable
from .libraries import set_precision

__all__ = ["main", "measure", "once", "resolve", "run", "threads"]

#: Timed calls, if there is time for them, and in any case.
_CALLS, _FEWEST = 30, 3


def resolve(name: str) -> Any:
    """What ``module:name`` stands for; ``.module`` is one of this folder."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module, __package__), attribute)


def measure(step: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Time `step` for about `seconds` after a warm-up; seconds per call.

    Short steps are called at least 10 and 30 times; of those that take seconds, one for the
    warm-up and three to time must do.
    """
    start, calls = time.perf_counter(), 0
    while True:
        step()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds or (calls >= 10 and elapsed >= seconds / 4):
            break
    times: list[float] = []
    start = time.perf_counter()
    while True:
        begin = time.perf_counter()
        step()
        now = time.perf_counter()
        times.append(now - begin)
        elapsed = now - start
        if len(times) >= _FEWEST and (
            elapsed >= 4 * seconds or (len(times) >= _CALLS and elapsed >= seconds)
        ):
            break
    times.sort()
    return {
        "median": statistics.median(times),
        "min": times[0],
        "p90": times[int(len(times) * 0.9)],
        "calls": len(times),
    }


def once(step: Callable[[], Any]) -> dict[str, Any]:
    """Time one call of `step`, and what it found."""
    begin = time.perf_counter()
    details = step()
    elapsed = time.perf_counter() - begin
    return {"median": elapsed, "min": elapsed, "calls": 1, "details": details or {}}


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Do a task; its figures, or why it cannot be done here."""
    set_precision(task.get("precision", "highest"))
    try:
        made = resolve(task["function"])(**task["options"])
    except Unavailable as reason:
        return {"unavailable": str(reason)}
    if task["kind"] == "report":
        return {"rows": made}
    if task["kind"] == "once":
        found = once(made.step)
        found["check"] = made.check()
    else:
        for _ in range(task["steps"]):
            made.step()
        check = made.check()
        found = {"check": check, **measure(made.step, task["seconds"])}
    found["phases"] = dict(made.phases)
    found["threads"] = threads()
    found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    return found


#: Linux counts in kibibytes, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def threads() -> dict[str, int]:
    """How many threads each library that was imported here would use."""
    found = {}
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_num_threads()
    elif "gpunet" in sys.modules:
        found["gpunet"] = sys.modules["gpunet"].get_num_threads()
    if "threadpoolctl" in sys.modules:
        pools = sys.modules["threadpoolctl"].threadpool_info()
        found |= {pool["prefix"]: pool["num_threads"] for pool in pools}
    found["cores"] = os.cpu_count() or 1
    return found


def main() -> None:
    """Do the task on the command line."""
    answer = json.dumps(run(json.loads(sys.argv[1])))
    print(f"\n{answer}")  # on a line of its own, whatever a library has printed
