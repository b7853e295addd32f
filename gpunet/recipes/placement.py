"""Where a recipe's data lie while it trains: on the device if they fit, otherwise on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import Device
from ..utils.data import Subset, TensorDataset

__all__ = ["LARGEST_SHARE", "memory_used", "placed"]

#: Data that take up to so much of the device's free memory are kept there; the rest is for weights,
#: the optimiser's state and what the layers save for backward.
LARGEST_SHARE = 1 / 4


def placed(datasets: Sequence[Any], device: Device) -> tuple[list[Any], str | None]:
    """A recipe's data sets where they are to lie, and one line that says so; None on the CPU.

    Data sets in tensors are copied to `device` once if all of them together take at most
    `LARGEST_SHARE` of the memory that is free there. What stays on the host is sent there by the
    DataLoader: each mini-batch, through pinned memory, while the one before is worked on.
    """
    if device.type == "cpu":
        return list(datasets), None
    from ..backend import device_memory  # imports CuPy

    sizes = [_bytes(dataset) for dataset in datasets]
    total = sum(size or 0 for size in sizes)
    size, free = device_memory.size(total), device_memory.available_bytes(device.index or 0)
    free_size, share = device_memory.size(free), f"{LARGEST_SHARE:.0%}"
    if total == 0:
        return list(datasets), f"data: put together on the host, mini-batches sent to {device}"
    if total > LARGEST_SHARE * free:
        line = (
            f"data: {size} stay on the host, mini-batches sent to {device}: more than {share} of "
            f"the {free_size} free there"
        )
        return list(datasets), line
    moved = [x if n is None else x.to(device) for x, n in zip(datasets, sizes, strict=True)]
    return moved, f"data: {size} moved to {device} once, at most {share} of the {free_size} free"


def memory_used(device: Device) -> str | None:
    """One line that says how much of a GPU's memory the process has taken; None on the CPU.

    At most, so far: what its arrays use and what is kept for the next ones. It is asked once, so
    that it costs the training nothing.
    """
    if device.type == "cpu":
        return None
    from ..backend import device_memory  # imports CuPy

    index = device.index or 0
    most = device_memory.size(device_memory.peaks_of(index).note_reserved())
    total = device_memory.size(device_memory.free_bytes(index)[1])
    return f"memory of {device}: {most} at most, of {total}"


def _bytes(dataset: Any) -> int | None:
    """The bytes of a data set in tensors; None of any other."""
    if isinstance(dataset, TensorDataset):
        return sum(tensor.array.nbytes for tensor in dataset.tensors)
    if not isinstance(dataset, Subset):
        return None
    whole = _bytes(dataset.dataset)
    if whole is None or not len(dataset.dataset):
        return whole
    # As `Subset.to`: only the rows that are chosen, unless these are more than there are.
    return whole * min(len(dataset), len(dataset.dataset)) // len(dataset.dataset)
