"""Is there a usable GPU, and if not, why not: asked once, at the first mention of ``"cuda"``."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["CudaProbe", "driver_cuda_version", "probe_cuda"]

#: The distributions that hold a module ``cupy``; no two of them may be installed at once.
_WHEELS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")

#: What to say for an error of the CUDA runtime, by a part of its name.
_CAUSES = {
    "SystemDriverMismatch": "the NVIDIA driver's library and kernel module are of two versions: "
    "restart the computer",
    "SystemNotReady": "the NVIDIA driver is not ready: restart its services or the computer",
    "CompatNotSupportedOnDevice": "the CUDA compatibility libraries do not support this GPU: "
    "remove them from the library path",
    "DevicesUnavailable": "every GPU is busy or in a mode that refuses other processes",
}


@dataclass(frozen=True)
class CudaProbe:
    """What was found.

    Attributes
    ----------
    usable : bool
    reason : str
        One line that says why there is no GPU; empty where there is one.
    device_count : int
    """

    usable: bool
    reason: str = ""
    device_count: int = 0


@lru_cache(maxsize=1)
def probe_cuda() -> CudaProbe:
    """Look for CuPy, the driver and a device. The answer is kept."""
    if importlib.util.find_spec("cupy") is None:
        return CudaProbe(False, _without_cupy())
    wheels = [name for name in _WHEELS if _installed(name)]
    error: Exception | None = None
    standin = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CuPy's own, about what is explained below
            import cupy
        standin = getattr(cupy, "__standin__", False)
    except Exception as caught:  # a broken installation fails in many ways
        error = caught
    if len(wheels) > 1 and not standin:
        return CudaProbe(
            False,
            f"several CuPy wheels are installed ({', '.join(wheels)}), which overwrite each "
            f"other's files: pip uninstall {' '.join(wheels)}, then install one",
        )
    if error is not None:
        return CudaProbe(False, _explain_import(str(error)))
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except RuntimeError as caught:
        return CudaProbe(False, _explain(str(caught), wheels))
    if count == 0:
        return CudaProbe(False, _explain("cudaErrorNoDevice", wheels))
    return CudaProbe(True, device_count=count)


def driver_cuda_version() -> tuple[int, int] | None:
    """The newest CUDA version that the installed NVIDIA driver supports; None without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        version = ctypes.c_int()
        if driver.cuDriverGetVersion(ctypes.byref(version)):
            return None  # the toolkit's stub library, which stands in for a driver
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def _without_cupy() -> str:
    driver = driver_cuda_version()
    if driver is None:
        return "there is no NVIDIA driver, and CuPy is not installed"
    if driver < (12, 0):
        return (
            f"CuPy is not installed, and the NVIDIA driver supports CUDA {_dotted(driver)} at "
            "most: update it for CUDA 12, then pip install 'gpunet[cuda12]'"
        )
    extra = "cuda13" if driver >= (13, 0) else "cuda12"
    return f"CuPy is not installed: pip install 'gpunet[{extra}]'"


def _explain_import(error: str) -> str:
    """CuPy's message is a page; the cause stands after the words "Original error"."""
    cause = error.replace("original error:", "Original error:").rpartition("Original error:")[2]
    cause = " ".join(cause.replace("=====", "").split()).strip("= ")
    if "libcuda.so" in cause and driver_cuda_version() is None:
        return f"there is no NVIDIA driver ({cause})"
    return f"CuPy cannot be imported: {cause}"


def _explain(error: str, wheels: list[str]) -> str:
    """The line for an error of the CUDA runtime."""
    error = " ".join(error.split())
    if "InsufficientDriver" in error:
        driver = driver_cuda_version()
        if driver is None:
            return "there is no NVIDIA driver: install the one for your GPU"
        wheel = wheels[0] if wheels else "CuPy"
        other = ""
        if driver >= (12, 0) and wheel == "cupy-cuda13x":
            other = ", or replace the wheel: pip uninstall cupy-cuda13x, then 'gpunet[cuda12]'"
        return (
            f"the NVIDIA driver supports CUDA {_dotted(driver)} at most, too old for {wheel}: "
            f"update the driver{other}"
        )
    if "NoDevice" in error:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden!r})"
        return f"the NVIDIA driver reports no GPU{why}"
    for name, cause in _CAUSES.items():
        if name in error:
            return cause
    return f"the CUDA runtime does not start: {error}"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _installed(distribution: str) -> bool:
    from importlib import metadata  # a sixth of gpunet's import time, so not before it is needed

    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
