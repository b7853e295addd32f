"""What `gpunet info` shows: versions, libraries, devices, and which kernels run where."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import __version__
from .backend import CPU, probe_cuda
from .backend.probe import driver_cuda_version
from .kernels import cpu as cpu_kernels
from .kernels import cuda as cuda_kernels
from .kernels import reference

__all__ = ["Section", "collect", "show"]

#: The variables that set how many threads BLAS uses, the most specific first.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


Rows = list[tuple[str, ...]]


class Section(NamedTuple):
    """One table: its title, the headings of its columns, its rows."""

    title: str
    headings: tuple[str, ...]
    rows: Rows


def collect() -> list[Section]:
    """All that `show` shows, as text."""
    return [
        Section("Versions", ("what", "version"), _versions()),
        Section("CPU", ("what", "found"), _cpu()),
        Section("GPU", ("what", "found"), _gpu()),
        Section("Kernels", ("kernel", "on the CPU", "on a GPU"), _kernels()),
    ]


def show() -> None:
    """Print the tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for section in collect():
        table = Table(
            *section.headings, title=section.title, title_justify="left", box=box.SIMPLE_HEAD
        )
        for row in section.rows:
            table.add_row(*row)
        console.print(table, markup=False)


def _versions() -> Rows:
    rows: Rows = [("gpunet", __version__), ("Python", platform.python_version())]
    rows += [(name, _version(name.lower())) for name in ("NumPy", "Numba")]
    wheels = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
    found = [f"{_version(name)} ({name})" for name in wheels if _is_installed(name)]
    rows.append(("CuPy", ", ".join(found) or "not installed"))
    rows.append(("nvmath-python", _version("nvmath-python")))
    return rows


def _cpu() -> Rows:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    rows: Rows = [
        ("machine", f"{platform.machine()}, {platform.system()}"),
        ("cores", _cores()),
        ("BLAS", f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()),
    ]
    if CPU.blas.known:
        rows.append(("BLAS threads", str(CPU.blas.threads)))
    rows += [(name, os.environ[name]) for name in _THREAD_VARIABLES if name in os.environ]
    if cpu_kernels.problem():
        rows.append(("Numba", f"{cpu_kernels.problem()}; slower NumPy kernels are used"))
    return rows


def _cores() -> str:
    total, usable = os.cpu_count() or 1, cpu_kernels.usable_cores()
    return str(total) if usable == total else f"{usable} of {total}"


def _gpu() -> Rows:
    probe = probe_cuda()
    if not probe.usable:
        return [("none", probe.reason)]
    import cupy

    runtime = cupy.cuda.runtime
    rows: Rows = []
    for i in range(probe.device_count):
        properties = runtime.getDeviceProperties(i)
        with cupy.cuda.Device(i):
            free, total = runtime.memGetInfo()
        rows.append(
            (
                f"cuda:{i}",
                f"{properties['name'].decode()}, compute capability "
                f"{properties['major']}.{properties['minor']}, "
                f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free",
            )
        )
    supported = driver_cuda_version() or _split(runtime.driverGetVersion())
    rows.append(("driver", f"{_driver()}CUDA {supported[0]}.{supported[1]} at most".strip()))
    rows.append(("CUDA runtime", "{}.{}".format(*_split(runtime.runtimeGetVersion()))))
    rows.append(("kernel compilation", _try_kernel()))
    rows.append(("matrix products", _products()))
    return rows


def _split(version: int) -> tuple[int, int]:
    return version // 1000, version % 1000 // 10


def _driver() -> str:
    """The driver's own version, where Linux tells it."""
    try:
        words = Path("/proc/driver/nvidia/version").read_text().splitlines()[0].split()
    except (OSError, IndexError):
        return ""
    return next((f"{word}, " for word in words if word[0].isdigit() and "." in word), "")


def _try_kernel() -> str:
    """Compile one CUDA kernel, run it, and look at what it computed."""
    from .backend import Device, backend_for

    be = backend_for(Device("cuda"))
    try:
        Z = be.from_numpy(np.array([[-1.0, 2.0]], np.float32))
        Y = be.empty((1, 2), np.float32)
        be.kernels.bias_act_forward(Z, be.from_numpy(np.array([0.5, 1], np.float32)), 1, Y)
        values = be.to_numpy(Y).tolist()
    except Exception as error:  # NVRTC, the headers, the cache folder: show whatever it was
        lines = str(error).strip().splitlines()
        return f"fails: {lines[0] if lines else type(error).__name__}"
    return "works" if values == [[0.0, 3.0]] else f"wrong result {values}"


def _products() -> str:
    """The library that multiplies matrices."""
    from .backend.cuda import CUDA

    if CUDA.cublaslt is None:
        return f"CuPy, without CUDA graphs ({CUDA.without_cublaslt})"
    version = CUDA.cublaslt.lt.get_version()
    return f"cuBLASLt {version // 10000}.{version // 100 % 100}.{version % 100}"


def _kernels() -> Rows:
    numba = not cpu_kernels.problem()
    rows: Rows = []
    for name in sorted(reference.KERNELS):
        smallest = cpu_kernels.SMALLEST_WORK.get(name)
        on_cpu = f"Numba from {smallest:,} elements" if numba and smallest is not None else "NumPy"
        rows.append((name, on_cpu, "CUDA" if name in cuda_kernels.KERNELS else "CuPy"))
    return rows


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _is_installed(distribution: str) -> bool:
    return _version(distribution) != "not installed"
