"""Mini-batches, whatever they are made of: where they begin, how large they are, where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..autograd import Variable
from ..backend import Device, backend_of
from ..utils.data import DataLoader

__all__ = ["batches_of", "moved", "samples_in"]


def batches_of(
    loader: Iterable[Any], start: int = 0, device: Device | None = None
) -> Iterator[Any]:
    """The mini-batches of a pass through `loader` from number `start` on.

    A `DataLoader` draws the whole order at once and does not load what is skipped; if it was made
    without a device it sends them to `device`, each while the one before is worked on. Of any other
    iterable the first `start` mini-batches are made and dropped.
    """
    if getattr(type(loader), "batches", None) is DataLoader.batches:
        return loader.batches(start, device)  # type: ignore[attr-defined]
    batches = getattr(loader, "batches", None)
    if batches is not None:
        return batches(start)
    iterator = iter(loader)
    for _ in islice(iterator, start):  # now, since making them may draw random numbers
        pass
    return iterator


def samples_in(batch: Any) -> int:
    """The length of the first tensor in `batch`; 1 if there is none, or it has no axes."""
    tensor = _first_tensor(batch)
    return tensor.array.shape[0] if tensor is not None and tensor.array.shape else 1


def _first_tensor(batch: Any) -> Variable | None:
    if isinstance(batch, Variable):
        return batch
    if isinstance(batch, Mapping):
        batch = batch.values()
    elif not isinstance(batch, list | tuple):
        return None
    for item in batch:
        tensor = _first_tensor(item)
        if tensor is not None:
            return tensor
    return None


def moved(batch: Any, device: Device) -> Any:
    """`batch` with its tensors on `device`; those that are there already as they are."""
    if isinstance(batch, Variable):
        if backend_of(batch.array).device_of(batch.array) == device:
            return batch
        return batch.to(device, non_blocking=True)  # type: ignore[attr-defined]
    if type(batch) is list:  # what a DataLoader gives, most of the time
        return [moved(item, device) for item in batch]
    if isinstance(batch, Mapping):
        return {key: moved(item, device) for key, item in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*[moved(item, device) for item in batch])
    if isinstance(batch, list | tuple):
        return type(batch)([moved(item, device) for item in batch])
    return batch
