"""Data sets: samples by number, or one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

__all__ = ["ChainDataset", "ConcatDataset", "Dataset", "IterableDataset", "StackDataset"]


class Dataset:
    """Base class of data sets: subclasses define ``__getitem__`` and ``__len__``.

    They may define ``__getitems__``, which takes the numbers of a whole mini-batch and returns the
    list of its samples. With worker threads several samples are read at once: what they share (an
    open file, for example) must bear that.
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Any) -> Any:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Base class of data sets that give their samples one after the other, by ``__iter__``.

    With worker threads each of them goes through a copy of the data set, so that ``__iter__`` must
    give each its share: see `get_worker_info`.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Any) -> Any:
        return ChainDataset([self, other])


class ConcatDataset(Dataset):
    """Data sets one behind the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        With samples by number.

    Raises
    ------
    AssertionError
        If there are none, or one is an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset: datasets: expected at least one, got none")
        for i, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ConcatDataset: datasets: number {i} is an IterableDataset, which has no "
                    "samples by number; ChainDataset takes those"
                )
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if index < -n:
            raise ValueError(f"ConcatDataset: index {index} is out of range for {n} samples")
        if index >= n:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {n} samples")
        index = index + n if index < 0 else index
        k = bisect_right(self.cumulative_sizes, index)
        return self.datasets[k][index - (self.cumulative_sizes[k - 1] if k else 0)]


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for i, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset: datasets: number {i} is a {type(dataset).__name__}, "
                    "not an IterableDataset"
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(map(len, self._checked()))


class StackDataset(Dataset):
    """Data sets side by side: sample i is the tuple, or the dict, of their samples i.

    Parameters
    ----------
    *args, **kwargs : Dataset
        For tuples by position, for dicts by name; of one length.

    Raises
    ------
    ValueError
        If there are none, or both kinds, or their lengths differ.
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset: expected data sets either by position or by name, "
                f"got {'both' if args else 'none'}"
            )
        parts = args or tuple(kwargs.values())
        lengths = [len(dataset) for dataset in parts]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: the data sets must be of one length, got {lengths}")
        self.datasets = args or kwargs
        self._parts = parts
        self._length = lengths[0]

    def _joined(self, sample: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, sample)) if type(self.datasets) is dict else tuple(sample)

    def __getitem__(self, index: Any) -> Any:
        return self._joined([dataset[index] for dataset in self._parts])

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [_samples(dataset, indices) for dataset in self._parts]
        return [self._joined(sample) for sample in zip(*columns)]

    def __len__(self) -> int:
        return self._length


def _samples(dataset: Any, indices: Sequence[Any]) -> Sequence[Any]:
    """The samples `indices` of a data set, in one call where it can."""
    get = getattr(dataset, "__getitems__", None)
    if get is None:
        return [dataset[i] for i in indices]
    samples = get(indices)
    if len(samples) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__: expected {len(indices)} samples, "
            f"got {len(samples)}"
        )
    return samples
