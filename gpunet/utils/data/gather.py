"""The fast way to mini-batches where the samples lie in tensors: slices, or one gather each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...autograd import Variable
from ...backend import Array, backend_of
from ...tensor import Tensor
from .subset import Subset
from .tensor_dataset import TensorDataset

__all__ = ["Gather", "row_numbers", "rows_of", "slices"]


def rows_of(dataset: Any) -> tuple[list[Array], np.ndarray | None] | None:
    """The arrays in which the samples of a data set are rows, and the numbers of these rows.

    The numbers are None where the samples are all rows in their order. For anything but a
    `TensorDataset` and subsets of one, the result is None: its samples must be asked for.
    """
    if type(dataset) is TensorDataset:
        # What requires a gradient has to go over the tape.
        if any([tensor.requires_grad for tensor in dataset.tensors]):
            return None
        return [tensor.array for tensor in dataset.tensors], None
    if type(dataset) is not Subset:
        return None
    found = rows_of(dataset.dataset)
    if found is None:
        return None
    arrays, rows = found
    n = len(arrays[0]) if rows is None else len(rows)
    chosen = dataset.indices
    if type(chosen) is range and chosen.step == 1 and 0 <= chosen.start <= chosen.stop <= n:
        part = slice(chosen.start, chosen.stop)
        return ([array[part] for array in arrays], None) if rows is None else (arrays, rows[part])
    numbers = row_numbers(chosen, n, "Subset: indices")
    if numbers is None:
        return None
    return arrays, numbers if rows is None else rows[numbers]


def row_numbers(indices: Any, n: int, name: str) -> np.ndarray | None:
    """A list of numbers of n rows as an array of numbers from 0 to n - 1; None if it is no such.

    Raises
    ------
    IndexError
        If a number is below -n or above n - 1.
    """
    if isinstance(indices, Variable):
        indices = backend_of(indices.array).to_numpy(indices.array)
    if not isinstance(indices, np.ndarray | Sequence) or isinstance(indices, str | bytes):
        return None
    try:
        numbers = np.asarray(indices)
    except (TypeError, ValueError, RuntimeError):
        return None
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or not numbers.size:
        return None
    low, high = int(numbers.min()), int(numbers.max())
    if low < -n or high >= n:
        raise IndexError(
            f"{name}: index {low if low < -n else high} is out of range for {n} samples"
        )
    numbers = np.ascontiguousarray(numbers, np.int64)
    return np.where(numbers < 0, numbers + n, numbers) if low < 0 else numbers


def slices(arrays: Sequence[Array], size: int, numbers: Iterable[int]) -> Iterator[list[Tensor]]:
    """The mini-batches of so many rows in their order, without a copy."""
    for i in numbers:
        yield [Tensor(array[i * size : (i + 1) * size]) for array in arrays]


class Gather:
    """Mini-batches of the rows of some arrays.

    Parameters
    ----------
    arrays : sequence of array
        Of one length, on one device.
    empty : callable, optional
        ``empty(shape, dtype)``: the memory for the mini-batches; their backend's own by default.
    """

    def __init__(self, arrays: Sequence[Array], empty: Callable[..., Array] | None = None):
        self.be = backend_of(arrays[0])
        self.device = self.be.device_of(arrays[0])
        self.empty = empty
        self.sources = [_flat(array) for array in arrays]

    def order(self, rows: Array) -> Array:
        """Numbers of rows where the rows are."""
        return rows if type(rows) is self.be.array_type else self.be.from_numpy(rows, self.device)

    def batch(self, rows: Array) -> list[Tensor]:
        """The mini-batch of these rows, numbers from 0 to n - 1 on the device of the arrays."""
        return [Tensor(self._taken(rows, *source)) for source in self.sources]

    def batches(self, order: Array, size: int, numbers: Iterable[int]) -> Iterator[list[Tensor]]:
        """The mini-batches of that many rows, in the order of `order`."""
        order = self.order(order)
        for i in numbers:
            with self.be.on(self.device):
                batch = self.batch(order[i * size : (i + 1) * size])
            yield batch

    def _taken(self, rows: Array, array: Array, flat: Any, shape: Any, axes: Any) -> Array:
        empty = self.empty or self.be.empty
        if flat is None:
            taken = array[rows]
            if self.empty is not None:
                Y = self.empty(taken.shape, taken.dtype)
                Y[...] = taken
                return Y
            return taken
        n = rows.size
        Y = empty((n, *shape), flat.dtype)
        self.be.kernels.gather_rows(Y.reshape(n, flat.shape[1]), flat, rows)
        return Y if axes is None else Y.transpose(axes)


def _flat(array: Array) -> tuple[Any, ...]:
    """The array, then as a matrix; the shape of a row in memory; and the axes' order to undo that.

    Each row must lie in one piece; in which order of the axes does not matter, so that
    channels-last images stay so. Otherwise there is no matrix, nor for single numbers, which an
    index picks faster, nor for bfloat16, which the kernels do not know.
    """
    strides = array.strides
    order = [0, *sorted(range(1, array.ndim), key=lambda i: -abs(strides[i]))]
    packed = array.transpose(order)
    if array.ndim == 1 or array.dtype.kind == "V" or not packed.flags.c_contiguous:
        return array, None, None, None
    shape = packed.shape[1:]
    axes = None if order == list(range(array.ndim)) else [order.index(i) for i in range(array.ndim)]
    return array, packed.reshape(len(array), math.prod(shape)), shape, axes
