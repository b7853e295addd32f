"""Is there a usable GPU, and if not, why not: asked once, at the first mention of ``"cuda"``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["CudaProbe", "probe_cuda"]


@dataclass(frozen=True)
class CudaProbe:
    """What was found.

    Attributes
    ----------
    usable : bool
    reason : str
        One sentence that says why there is no GPU; empty where there is one.
    device_count : int
    """

    usable: bool
    reason: str = ""
    device_count: int = 0


@lru_cache(maxsize=1)
def probe_cuda() -> CudaProbe:
    """Look for CuPy, the driver and a device. The answer is kept."""
    wheels = sorted(
        name
        for name in ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")
        if _installed(name)
    )
    if importlib.util.find_spec("cupy") is None:
        return CudaProbe(False, "CuPy is not installed: pip install 'gpunet[cuda12]'")
    if len(wheels) > 1:
        return CudaProbe(
            False,
            f"several CuPy wheels are installed ({', '.join(wheels)}), which overwrite each "
            "other's files: uninstall all of them, then install one",
        )
    try:
        import cupy
    except ImportError as error:
        return CudaProbe(False, f"CuPy cannot be imported: {error}")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return CudaProbe(False, _explain(str(error), wheels))
    if count == 0:
        return CudaProbe(False, "the NVIDIA driver reports no GPU")
    return CudaProbe(True, device_count=count)


def _explain(error: str, wheels: list[str]) -> str:
    wheel = wheels[0] if wheels else "CuPy"
    if "InsufficientDriver" in error:
        return (
            f"the NVIDIA driver is missing or too old for {wheel} ({error}): "
            "install or update the driver, or install the wheel of an older CUDA"
        )
    if "NoDevice" in error:
        return f"the NVIDIA driver reports no GPU ({error})"
    return f"the CUDA runtime does not start: {error}"


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
