"""What figures were measured on: processor, versions, threads, GPU, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from .case import Report
from .quiet import usable_cores

__all__ = ["REPORT", "machine", "report"]

REPORT = Report(
    "machine",
    "The machine, versions and commit that results belong to",
    ".machine:report",
)

_DISTRIBUTIONS = (
    "gpunet", "numpy", "numba", "scipy", "torch", "jax", "scikit-learn",
    "cupy-cuda12x", "cupy-cuda13x", "nvmath-python",
)  # fmt: skip
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def machine() -> dict[str, Any]:
    """What can be told without touching a GPU."""
    versions = {}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        "versions": versions,
        "gpu": _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"),
        "commit": _commit(Path(__file__).resolve().parents[1]),
    }  # fmt: skip


def report() -> list[dict[str, str]]:
    """The machine, and the GPU as CuPy sees it."""
    found = machine()
    rows = {name: value for name, value in found.items() if not isinstance(value, dict)}
    rows |= found["threads"] | found["versions"]
    return [{"what": name, "found": str(value)} for name, value in (rows | _gpu()).items()]


def _gpu() -> dict[str, Any]:
    from gpunet.backend import probe_cuda

    probe = probe_cuda()
    if not probe.usable:
        return {"gpu": probe.reason}
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "gpu": properties["name"].decode(),
        "gpu memory": f"{properties['totalGlobalMem'] / 2**30:.1f} GiB",
        "CUDA, at most": cupy.cuda.runtime.driverGetVersion(),
        "CUDA runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "nvidia-smi": _output(
            "nvidia-smi", "--query-gpu=driver_version,clocks.sm,clocks.max.sm,power.limit",
            "--format=csv,noheader",
        ),
    }  # fmt: skip


def _commit(root: Path) -> str:
    """Of the clone in this folder; an installed gpunet has none."""
    if not (root / ".git").exists():
        return ""
    commit = _output("git", "-C", str(root), "describe", "--always", "--exclude", "*")
    # Results are written beside the code while the next case is measured: they change nothing.
    code = ":(top,exclude)benchmarks/results"
    changed = _output("git", "-C", str(root), "status", "--porcelain", "-uno", "--", ":/", code)
    return f"{commit}-dirty" if changed else commit


def _output(*command: str) -> str:
    """What a command prints; empty where it is not installed or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
