"""The processes of a comparison, and their figures.

Every side runs in a process of its own in every round, in turn (A B A B ...), so that no side's
threads, memory or compiled code meet another's, and a drift of the machine's speed falls on all.
A process reports the median of its own steps; what counts is the median of these over the rounds,
and the median of the ratios of neighbours in time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from .availability import missing
from .case import Case, Report, Side

__all__ = ["BenchmarkError", "compare", "disagreements", "in_process", "report"]

#: Loads this folder by itself, as "benchmarks": `gpunet.benchmarks` would bring gpunet into the
#: processes of the peers.
_INIT = str(Path(__file__).with_name("__init__.py"))
_START = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("benchmarks", {_INIT!r})
sys.modules["benchmarks"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from benchmarks.worker import main
main()
"""
#: For processes that run beside each other: no teams of threads, and no code generator.
_QUICK = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
}  # fmt: skip
_FEW_STEPS = 2
#: How far results in TF32 may be from others in any case.
_TF32 = 2e-2


class BenchmarkError(RuntimeError):
    """The process of a side or of a report failed."""


def compare(
    case: Case,
    options: Mapping[str, Any],
    sides: Sequence[Side] | None = None,
    *,
    rounds: int | None = None,
    seconds: float = 1.0,
    at_once: int = 1,
    precision: str = "highest",
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run each of `sides`, all by default, in turn.

    With `at_once` above 1 so many run beside each other: to see that they work, not to measure.
    The `precision` is that of float32 products on a GPU, "highest" or "high", which is TF32.

    Returns
    -------
    dict
        ``{"options": ..., "sides": {name: figures}, "missing": {name: reason}, "failed": {name:
        reason}}``. The figures of a side: "time" in seconds, "min", "rounds" (the time of each),
        "baseline" and the "ratio" to it (None if that did not run), "peer", "device", "calls",
        "threads", "peak_bytes", "phases" and "details". Failed are sides that died, or whose checks
        differ from those of the first side by more than the case allows.
    """
    sides = case.sides if sides is None else sides
    absent = {side.name: reason for side in sides if (reason := missing(side))}
    failed: dict[str, str] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    total = case.rounds if rounds is None else rounds

    def one(k: int, side: Side) -> dict[str, Any]:
        progress(f"round {k + 1} of {total}, {side.name}")
        task = {
            "function": side.function,
            "options": {**options, **side.options, **({"seed": k} if case.seeded else {})},
            "kind": "once" if case.once else "repeated",
            "steps": case.steps if at_once == 1 else min(case.steps, _FEW_STEPS),
            "seconds": seconds,
            "precision": precision if side.device == "cuda" else "highest",
        }
        name = f"{case.name}, {side.name} {dict(options)}"
        try:
            return in_process(task, name, {} if at_once == 1 else _QUICK)
        except BenchmarkError as error:
            return {"failed": str(error)}

    with ThreadPoolExecutor(at_once) as pool:
        for k in range(total):
            here = [side for side in sides if side.name not in {**absent, **failed}]
            for side, run in zip(here, pool.map(partial(one, k), here)):
                if "unavailable" in run:
                    absent[side.name] = run["unavailable"]
                elif "failed" in run:
                    failed[side.name] = run["failed"]
                else:
                    found.setdefault(side.name, []).append(run)
    rtol = case.rtol if precision == "highest" else max(case.rtol, _TF32)
    failed |= disagreements(found, rtol)
    found = {name: runs for name, runs in found.items() if name not in failed}
    return {
        "options": dict(options),
        "sides": {side.name: _figures(case, side, found) for side in sides if side.name in found},
        "missing": absent,
        "failed": failed,
    }


def report(case: Report, options: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    """The rows of a report, or why it cannot be made here."""
    task = {"function": case.function, "options": dict(options), "kind": "report"}
    answer = in_process(task, case.name)
    return answer.get("unavailable") or answer["rows"]


def in_process(
    task: Mapping[str, Any], name: str, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer of a worker to `task`, with these environment variables besides.

    Raises
    ------
    BenchmarkError
        If it fails, with `name` and the end of what it wrote on standard error.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", _START, json.dumps(task)],
        env={**os.environ, **(variables or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(
            f"{name}: failed with status {done.returncode}:\n{done.stderr[-2000:].strip()}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def disagreements(found: Mapping[str, list[dict[str, Any]]], rtol: float) -> dict[str, str]:
    """Name -> what differs, of the sides whose check is not that of the first, in any round."""
    (first, runs), *others = found.items() or [("", [])]
    differing = {}
    for name, theirs in others:
        for a, b in zip(runs, theirs):
            x, y = a["check"], b["check"]
            if len(x) != len(y) or not all(
                abs(p - q) <= rtol * max(abs(p), abs(q)) for p, q in zip(x, y)
            ):
                differing[name] = (
                    f"{first} and {name} did not compute the same: {x} and {y}, "
                    f"which may differ by {rtol} of the larger"
                )
    return differing


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
