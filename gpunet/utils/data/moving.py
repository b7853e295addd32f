"""Data sets on a device: copied there once, so that no mini-batch has to travel."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from ...backend import CPU, Device, backend_for, backend_of
from ...errors import OutOfMemoryError
from ...tensor import Tensor
from .gather import Gather, rows_of
from .subset import Subset
from .tensor_dataset import TensorDataset

__all__ = ["subset_on", "tensors_on"]


def tensors_on(dataset: TensorDataset, device: Any) -> TensorDataset:
    """`dataset` on `device`; itself if it is there."""
    place = _usable(device)
    if dataset.tensors[0].device == place:
        return dataset
    moved = copy(dataset)  # of a subclass's own class, with what else it has
    moved.tensors = tuple(_tensors(dataset.tensors, None, place))
    return moved


def subset_on(dataset: Subset, device: Any) -> Subset:
    """`dataset` on `device`; itself if it is there."""
    place = _usable(device)
    found = rows_of(dataset)
    if found is not None:
        arrays, rows = found
        if backend_of(arrays[0]).device_of(arrays[0]) == place:
            return dataset
        # Of a data set whose samples come several times each, all is less than the chosen rows.
        if rows is None or len(rows) < len(arrays[0]):
            taken = TensorDataset(*_tensors([Tensor(array) for array in arrays], rows, place))
            return Subset(taken, range(len(taken)))
    if not hasattr(dataset.dataset, "to"):
        raise TypeError(
            f"Subset.to: expected a subset of a data set that has `to`, such as a TensorDataset, "
            f"got one of {type(dataset.dataset).__name__}"
        )
    whole = dataset.dataset.to(place)
    if whole is dataset.dataset:
        return dataset
    moved = copy(dataset)
    moved.dataset = whole
    return moved


def _usable(device: Any) -> Device:
    device = Device(device)
    backend_for(device)
    return device


def _tensors(tensors: Sequence[Tensor], rows: np.ndarray | None, device: Device) -> list[Tensor]:
    """The tensors, or these rows of each, on another device."""
    staging = backend_for(device).staging(device)
    try:
        if staging is not None and all([_plain(tensor) for tensor in tensors]):
            return [Tensor(staging.whole(tensor.array, rows)) for tensor in tensors]
        return [tensor.to(device) for tensor in _rows(tensors, rows)]
    except OutOfMemoryError as error:
        share = 1 if rows is None else len(rows) / len(tensors[0])
        total = sum(tensor.array.nbytes for tensor in tensors) * share
        raise type(error)(
            f"a data set of {total / 2**20:,.1f} MiB does not fit on {device}; "
            f'DataLoader(dataset, ..., device="{device}") sends its mini-batches there, each while '
            f"the one before is worked on. {error}"
        ) from error


def _plain(tensor: Tensor) -> bool:
    return type(tensor.array) is CPU.array_type and not tensor.requires_grad


def _rows(tensors: Sequence[Tensor], rows: np.ndarray | None) -> Sequence[Tensor]:
    if rows is None:
        return tensors
    gather = Gather([tensor.array for tensor in tensors])
    with gather.be.on(gather.device):
        return gather.batch(gather.order(rows))
