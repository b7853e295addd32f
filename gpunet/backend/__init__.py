"""Where arrays live and which kernels run on them."""

from __future__ import annotations

import os

from ..errors import DeviceError
from .base import Array, Backend
from .cpu import CPU
from .device import Device
from .probe import CudaProbe, probe_cuda
from .traced import Traced

__all__ = [
    "CPU",
    "Array",
    "Backend",
    "CudaProbe",
    "Device",
    "backend_for",
    "backend_of",
    "default_device",
    "get_num_threads",
    "probe_cuda",
    "resolve_device",
    "set_default_device",
    "set_num_threads",
]

#: Backend by type of array; the CUDA backend enters when it is first asked for.
_BACKENDS: dict[type, Backend] = {CPU.array_type: CPU, Traced: CPU}


def backend_of(array: Array) -> Backend:
    """The backend whose arrays are of the kind of `array`.

    Raises
    ------
    TypeError
        If it is neither a NumPy nor a CuPy array.
    """
    try:
        return _BACKENDS[type(array)]
    except KeyError:
        return _unusual_backend(array)


def _unusual_backend(array: Array) -> Backend:
    if type(array).__module__.partition(".")[0] == "cupy":
        return backend_for(Device("cuda"))  # a CuPy array that the user made before asking us
    raise TypeError(f"expected a NumPy or CuPy array, got {type(array).__name__}")


def backend_for(device: Device) -> Backend:
    """The backend of `device`.

    Raises
    ------
    DeviceError
        If it is a GPU and there is none that can be used; the message says why.
    """
    if device.type == "cpu":
        return CPU
    probe = probe_cuda()
    if not probe.usable:
        raise DeviceError(f'device "{device}" cannot be used: {probe.reason}')
    if (device.index or 0) >= probe.device_count:
        raise DeviceError(
            f'device "{device}" does not exist: this machine has {probe.device_count} GPU'
            f"{'s' if probe.device_count > 1 else ''}"
        )
    from .cuda import CUDA  # imports CuPy

    _BACKENDS[CUDA.array_type] = CUDA
    return CUDA


def resolve_device(name: str | Device) -> tuple[Device, str]:
    """The device for a name that may be ``"auto"``, and one line that says how it was chosen.

    ``"auto"`` is the first GPU where one can be used, otherwise the CPU.
    """
    if isinstance(name, Device) or name != "auto":
        device = Device(name)
        backend_for(device)
        return device, f"device {device}"
    probe = probe_cuda()
    if probe.usable:
        return Device("cuda"), "device cuda:0"
    return Device("cpu"), f"device cpu ({probe.reason})"


def default_device() -> Device:
    """The device of tensors that are made without one: ``GPUNET_DEVICE``, otherwise the CPU."""
    global _default
    if _default is None:
        _default = resolve_device(os.environ.get("GPUNET_DEVICE") or "cpu")[0]
    return _default


def set_default_device(device: str | Device) -> None:
    """Make `device` the one of tensors that are made without one."""
    global _default
    _default = resolve_device(device)[0]


_default: Device | None = None


def get_num_threads() -> int:
    """Threads that share a large kernel or matrix product on the CPU."""
    return CPU.blas.threads


def set_num_threads(n: int) -> None:
    """Share large kernels and matrix products on the CPU among `n` threads."""
    CPU.blas.set_num_threads(n)
