"""The GPUs of this machine, under ``torch.cuda``'s names.

Where there is no GPU that can be used, questions for amounts of memory are answered with 0, as in
PyTorch; what needs a GPU raises `gpunet.errors.DeviceError`, which says why there is none.
"""

from __future__ import annotations

import warnings
from typing import Any

from .backend import Device, backend_for, probe_cuda
from .errors import OutOfMemoryError

__all__ = [
    "OutOfMemoryError",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_summary",
    "reset_peak_memory_stats",
    "synchronize",
]


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


def memory_allocated(device: str | int | Device | None = None) -> int:
    """Bytes in arrays on a GPU, in CuPy's blocks of 512."""
    found = _memory_of(device)
    return 0 if found is None else found[0].used_bytes(found[1])


def memory_reserved(device: str | int | Device | None = None) -> int:
    """Bytes that CuPy's pool holds on a GPU: in arrays, or kept for the next ones."""
    found = _memory_of(device)
    return 0 if found is None else found[0].reserved_bytes(found[1])


def max_memory_allocated(device: str | int | Device | None = None) -> int:
    """The largest `memory_allocated` since `reset_peak_memory_stats`.

    CuPy keeps no such number, and to count costs some Python calls for each array, so that begins
    with `reset_peak_memory_stats` and covers the thread that called it. A first call without it
    warns, begins to count, and gives what is in use now.
    """
    found = _memory_of(device)
    if found is None:
        return 0
    memory, index = found
    peaks = memory.peaks_of(index)
    if peaks.used is None:
        warnings.warn(
            "max_memory_allocated: the peak is counted from now on; call "
            "gpunet.cuda.reset_peak_memory_stats() before what is to be measured",
            stacklevel=2,
        )
        peaks.start()
    return peaks.used


def max_memory_reserved(device: str | int | Device | None = None) -> int:
    """The largest `memory_reserved` since `reset_peak_memory_stats`, or since the start.

    The pool shrinks in `empty_cache` only; where CuPy itself empties it, before it gives up a
    request, that is not seen.
    """
    found = _memory_of(device)
    return 0 if found is None else found[0].peaks_of(found[1]).note_reserved()


def reset_peak_memory_stats(device: str | int | Device | None = None) -> None:
    """Measure peaks from now on: `max_memory_allocated`, `max_memory_reserved`."""
    found = _memory_of(device)
    if found is not None:
        found[0].peaks_of(found[1]).start()


def empty_cache() -> None:
    """Give the memory that CuPy's pool keeps for reuse back to the driver, for other processes."""
    found = _memory_of(None)
    if found is not None:
        found[0].release(found[1])


def mem_get_info(device: str | int | Device | None = None) -> tuple[int, int]:
    """Bytes that the driver has free on a GPU, and bytes there are in all.

    Raises
    ------
    DeviceError
        If the device cannot be used.
    """
    memory, index = _memory(device)
    free, total = memory.free_bytes(index)
    return free, total


def memory_summary(device: str | int | Device | None = None, abbreviated: bool = False) -> str:
    """A table of the memory of a GPU, to be printed.

    Parameters
    ----------
    device : str, int or Device, optional
    abbreviated : bool
        Leave out what the driver says of the whole GPU.

    Raises
    ------
    DeviceError
        If the device cannot be used.
    """
    memory, index = _memory(device)
    peaks = memory.peaks_of(index)
    used, reserved = memory.used_bytes(index), memory.reserved_bytes(index)
    rows = [
        ("in arrays", memory.size(used), "not counted" if peaks.used is None else peaks.used),
        ("kept for reuse", memory.size(reserved - used), ""),
        ("held by this process", memory.size(reserved), peaks.note_reserved()),
    ]
    if not abbreviated:
        free, total = memory.free_bytes(index)
        rows += [("free", memory.size(free), ""), ("in all", memory.size(total), "")]
    lines = [f"{f'memory of cuda:{index}':<22} {'now':>14} {'peak':>14}"]
    for name, now, peak in rows:
        peak = memory.size(peak) if isinstance(peak, int) else peak
        lines.append(f"{name:<22} {now:>14} {peak:>14}".rstrip())
    return "\n".join(lines)


def _memory(device: Any) -> tuple[Any, int]:
    """The functions that ask CuPy, and the number of the GPU."""
    device = Device("cuda", device) if isinstance(device, int) else Device(device or "cuda")
    if device.type != "cuda":
        raise ValueError(f"device: expected a GPU, got {device}")
    backend_for(device)
    from .backend import device_memory  # imports CuPy

    return device_memory, device.index or 0


def _memory_of(device: Any) -> tuple[Any, int] | None:
    """The same; None where there is no GPU, and so no memory in use."""
    return _memory(device) if probe_cuda().usable else None
