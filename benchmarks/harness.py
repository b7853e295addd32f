"""The processes of a comparison, and their figures.

Every side runs in a process of its own in every round, in turn (A B A B ...), so that no side's
threads, memory or compiled code meet another's, and a drift of the machine's speed falls on all.
A process reports the median of its own steps; what counts is the median of these over the rounds,
and the median of the ratios of neighbours in time.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .availability import missing
from .case import Case, Report, Side

__all__ = ["BenchmarkError", "compare", "in_process", "report"]

#: Works from any folder, and takes gpunet from where it is installed.
_START = (
    f"import sys; sys.path.append({str(Path(__file__).parents[1])!r}); "
    "from benchmarks.worker import main; main()"
)


class BenchmarkError(RuntimeError):
    """A side failed, or two did not compute the same."""


def compare(
    case: Case,
    options: Mapping[str, Any],
    sides: Sequence[Side] | None = None,
    *,
    rounds: int | None = None,
    seconds: float = 1.0,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run each of `sides`, all by default, in turn.

    Returns
    -------
    dict
        ``{"options": ..., "sides": {name: figures}, "missing": {name: reason}}``. The figures of a
        side: "time" in seconds, "min", "rounds" (the time of each), "baseline" and the "ratio" to
        it (None if that did not run), "peer", "device", "calls", "threads", "peak_bytes", "phases"
        and "details".

    Raises
    ------
    BenchmarkError
        If a side fails, or if the checks of two sides differ by more than the case allows.
    """
    sides = case.sides if sides is None else sides
    absent = {side.name: reason for side in sides if (reason := missing(side))}
    found: dict[str, list[dict[str, Any]]] = {}
    total = case.rounds if rounds is None else rounds
    for k in range(total):
        for side in sides:
            if side.name in absent:
                continue
            progress(f"round {k + 1} of {total}, {side.name}")
            task = {
                "function": side.function,
                "options": {**options, **side.options, **({"seed": k} if case.seeded else {})},
                "kind": "once" if case.once else "repeated",
                "steps": case.steps,
                "seconds": seconds,
            }
            run = in_process(task, f"{case.name}, {side.name} {dict(options)}")
            if "unavailable" in run:
                absent[side.name] = run["unavailable"]
            else:
                found.setdefault(side.name, []).append(run)
    _agree(found, case.rtol)
    ran = [side for side in sides if side.name in found]
    return {
        "options": dict(options),
        "sides": {side.name: _figures(case, side, found) for side in ran},
        "missing": absent,
    }


def report(case: Report, options: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    """The rows of a report, or why it cannot be made here."""
    task = {"function": case.function, "options": dict(options), "kind": "report"}
    answer = in_process(task, case.name)
    return answer.get("unavailable") or answer["rows"]


def in_process(task: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The answer of a worker to `task`.

    Raises
    ------
    BenchmarkError
        If it fails, with `name` and the end of what it wrote on standard error.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", _START, json.dumps(task)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(
            f"{name}: failed with status {done.returncode}:\n{done.stderr[-2000:].strip()}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _agree(found: Mapping[str, list[dict[str, Any]]], rtol: float) -> None:
    """Compare the checks of each round with those of the side that comes first."""
    (first, runs), *others = found.items() or [("", [])]
    for name, theirs in others:
        for a, b in zip(runs, theirs):
            x, y = a["check"], b["check"]
            if len(x) != len(y) or not all(
                abs(p - q) <= rtol * max(abs(p), abs(q)) for p, q in zip(x, y)
            ):
                raise BenchmarkError(
                    f"{first} and {name} did not compute the same: {x} and {y}, "
                    f"which may differ by {rtol} of the larger"
                )


def _figures(case: Case, side: Side, found: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    runs = found[side.name]
    times = [run[case.figure] / case.per for run in runs]
    base = [run[case.figure] / case.per for run in found.get(case.baseline_of(side), [])]
    middle = min if case.figure == "min" else statistics.median
    return {
        "peer": side.peer,
        "device": side.device,
        "baseline": case.baseline_of(side),
        "time": middle(times),
        "min": min(run["min"] for run in runs) / case.per,
        "rounds": times,
        "ratio": statistics.median(a / b for a, b in zip(times, base)) if base else None,
        "calls": runs[0]["calls"],
        "threads": runs[0]["threads"],
        "peak_bytes": max(run["peak_bytes"] for run in runs),
        "phases": _medians([run["phases"] for run in runs]),
        "details": _medians([run.get("details", {}) for run in runs]),
    }


def _medians(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each number over the rounds; of anything else, what the first said."""
    return {
        name: statistics.median(f[name] for f in found) if isinstance(value, int | float) else value
        for name, value in found[0].items()
    }
