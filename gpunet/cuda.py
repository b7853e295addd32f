"""The GPUs of this machine, under ``torch.cuda``'s names."""

from __future__ import annotations

from .backend import Device, backend_for, probe_cuda

__all__ = ["device_count", "get_device_name", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is a GPU that can be used; `gpunet info` says why not."""
    return probe_cuda().usable


def device_count() -> int:
    """How many GPUs can be used."""
    return probe_cuda().device_count


def get_device_name(device: str | Device = "cuda") -> str:
    """The name of a GPU, as its driver gives it.

    Raises
    ------
    DeviceError
        If the device cannot be used.
    """
    device = Device(device)
    backend_for(device)
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(device.index)["name"]
    return name.decode() if isinstance(name, bytes) else name


def synchronize() -> None:
    """Wait until the current GPU has done all that was asked of it."""
    backend_for(Device("cuda")).synchronize()
