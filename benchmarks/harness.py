"""Sides of a comparison, each in its own process, in turn, and their figures.

A side is a function that prepares some work and returns a step to time. `compare` starts a process
for every side in every round (A B A B ...), so that neither side's threads, memory or compiled code
meet the other's, and a drift of the machine's speed falls on both. What a process reports is the
median of its own steps; what counts is the median of these over the rounds, and the ratio of
neighbours in time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Side",
    "compare",
    "gpu",
    "keep_a_core_busy",
    "machine",
    "measure",
    "quiet",
    "run_worker",
]


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes
    ----------
    name : str
        As shown in the table.
    function : str
        ``module:function``; called with the case's options, it returns ``(step, check)``: a
        function of no arguments that does the work once, and one that returns numbers which
        every side must agree on after the same count of steps.
    requires : str
        The distribution that must be installed.
    gpu : bool
        Whether it must be a build that finds a GPU, too.
    """

    name: str
    function: str
    requires: str = "gpunet"
    gpu: bool = False

    @property
    def installed(self) -> bool:
        """Whether this side can run here."""
        try:
            importlib.metadata.version(self.requires)
        except importlib.metadata.PackageNotFoundError:
            return False
        return not self.gpu or importlib.import_module(self.requires).cuda.is_available()


def measure(step: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Time `step` for about `seconds` after a warm-up; seconds per call."""
    start = time.perf_counter()
    calls = 0
    while calls < 10 or time.perf_counter() - start < seconds / 4:
        step()
        calls += 1
    times = []
    deadline = time.perf_counter() + seconds
    while len(times) < 30 or time.perf_counter() < deadline:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    times.sort()
    return {
        "median": statistics.median(times),
        "min": times[0],
        "p90": times[int(len(times) * 0.9)],
        "calls": len(times),
    }


def run_worker(function: str, options: dict[str, Any], seconds: float, steps: int) -> None:
    """The body of a side's process: print the figures as JSON."""
    module, _, name = function.partition(":")
    step, check = getattr(importlib.import_module(module), name)(**options)
    for _ in range(steps):
        step()
    agreed = check()
    print(json.dumps({"check": agreed, **measure(step, seconds)}))


def compare(
    sides: Sequence[Side],
    options: dict[str, Any],
    *,
    rounds: int = 5,
    seconds: float = 1.0,
    steps: int = 20,
    rtol: float = 1e-3,
) -> dict[str, Any]:
    """Run every installed side `rounds` times in turn.

    Returns
    -------
    dict
        For each side its median, and its ratio to the last side: the median of the ratios of the
        rounds.

    Raises
    ------
    RuntimeError
        If a side fails, or if the sides' checks differ by more than `rtol`.
    """
    sides = [side for side in sides if side.installed]
    found: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            found[side.name].append(_in_process(side, options, seconds, steps))
    _agree(found, rtol)
    last = found[sides[-1].name]
    return {
        name: {
            "median": statistics.median(run["median"] for run in runs),
            "min": min(run["min"] for run in runs),
            "rounds": [run["median"] for run in runs],
            "ratio": statistics.median(a["median"] / b["median"] for a, b in zip(runs, last)),
        }
        for name, runs in found.items()
    }


def _in_process(side: Side, options: dict[str, Any], seconds: float, steps: int) -> Any:
    task = json.dumps([side.function, options, seconds, steps])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", task],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{side.name} {options} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _agree(found: dict[str, list[dict[str, Any]]], rtol: float) -> None:
    (first, runs), *others = found.items()
    for name, their_runs in others:
        for a, b in zip(runs[0]["check"], their_runs[0]["check"], strict=True):
            if not abs(a - b) <= rtol * max(abs(a), abs(b)):
                raise RuntimeError(
                    f"{first} and {name} did not compute the same: {runs[0]['check']} and "
                    f"{their_runs[0]['check']}"
                )


class keep_a_core_busy:
    """A context in which another process takes one core, as on the machines that people have."""

    def __enter__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        time.sleep(0.3)

    def __exit__(self, *exception: Any) -> None:
        self.process.kill()
        self.process.wait()


def quiet(limit: float = 0.15) -> str:
    """An empty string if little else runs on this machine, otherwise a warning."""
    cores = os.cpu_count() or 1
    before = _busy_seconds()
    time.sleep(0.5)
    share = (_busy_seconds() - before) / (0.5 * cores)
    if share < limit:
        return ""
    return f"other work takes {share:.0%} of this machine: the figures below are not to be quoted"


def _busy_seconds() -> float:
    try:
        with open("/proc/stat") as stat:
            fields = [int(field) for field in stat.readline().split()[1:9]]
    except OSError:
        return 0.0
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import platform

    versions = {}
    for name in (
        "gpunet",
        "numpy",
        "numba",
        "scipy",
        "torch",
        "jax",
        "scikit-learn",
        "cupy-cuda12x",
        "cupy-cuda13x",
    ):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "threads": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            if name in os.environ
        },
        "versions": versions,
        "commit": _commit(),
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def gpu() -> dict[str, Any]:
    """The GPU, its driver and CUDA, as CuPy sees them."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "device": properties["name"].decode(),
        "memory": properties["totalGlobalMem"],
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "nvidia-smi": _nvidia_smi(),
    }


def _nvidia_smi() -> str:
    """Name, driver and clocks in nvidia-smi's words; empty where that is not installed."""
    query = "--query-gpu=name,driver_version,clocks.sm,power.limit"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    import platform

    return platform.processor() or platform.machine()
