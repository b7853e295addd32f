"""Samples into mini-batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...backend import CPU
from ...dtypes import is_known
from ...functions.data import as_tensor, tensor
from ...functions.joining import stack
from ...tensor import Tensor
from .structure import like_mapping, like_sequence

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """The mini-batch of some samples, as PyTorch makes it.

    ============================  ==================================================================
    samples that are              become
    ============================  ==================================================================
    tensors or NumPy arrays       a tensor with a new first axis, of length N
    NumPy's numbers, ints, bools  a tensor of shape (N,) with their dtype
    floats                        a float64 tensor of shape (N,)
    strings, bytes                the list or tuple of them, as it is
    dicts, other mappings         the same mapping, with each key's values made into a mini-batch
    named tuples                  the same named tuple of mini-batches
    tuples                        a list of mini-batches
    lists, other sequences        the same sequence of mini-batches
    ============================  ==================================================================

    Parameters
    ----------
    batch : sequence
        The N samples, at least one; the first tells what the others are.

    Raises
    ------
    TypeError
        If a sample is none of these, or of another kind than the first.
    RuntimeError
        If shapes or lengths differ; the message says where in the samples, and which sample.
    KeyError
        If a sample lacks a key of the first.
    IndexError
        If there are no samples.
    """
    if not len(batch):
        raise IndexError("default_collate: batch: expected at least one sample, got none")
    return _collate(batch, "")


def _collate(batch: Sequence[Any], place: str) -> Any:
    """`place` is where in the samples these parts of them lie, such as ``[0]['image']``."""
    first = batch[0]
    if isinstance(first, Tensor):
        _check(batch, Tensor, "a tensor", place)
        _check_shapes(batch, place)
        return stack(batch)
    if isinstance(first, np.ndarray):
        return _arrays(batch, place)
    if isinstance(first, np.number | np.bool_ | float | int):
        return _numbers(batch, place)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        _check(batch, Mapping, "a mapping", place)
        return like_mapping(first, {key: _values(batch, key, place) for key in first})
    if isinstance(first, Sequence):
        _check(batch, Sequence, "a sequence", place)
        for i, sample in enumerate(batch):
            if len(sample) != len(first):
                raise RuntimeError(
                    f"default_collate: each sample should be of equal size{_at(place)}, but sample "
                    f"0 of the mini-batch has {len(first)} parts and sample {i} has {len(sample)}"
                )
        parts = [_collate(part, f"{place}[{k}]") for k, part in enumerate(zip(*batch))]
        return parts if type(first) is tuple else like_sequence(first, parts)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first).__name__}{_at(place)}"
    )


def _values(batch: Sequence[Any], key: Any, place: str) -> Any:
    for i, sample in enumerate(batch):
        if key not in sample:
            raise KeyError(
                f"default_collate: sample {i} of the mini-batch lacks the key {key!r} of "
                f"sample 0{_at(place)}"
            )
    return _collate([sample[key] for sample in batch], f"{place}[{key!r}]")


def _arrays(batch: Sequence[Any], place: str) -> Tensor:
    _check(batch, np.ndarray | np.generic, "an array", place)
    first = batch[0]
    for sample in batch:
        if not is_known(sample.dtype):
            raise TypeError(
                "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or "
                f"lists; found an array of {sample.dtype}{_at(place)}"
            )
    _check_shapes(batch, place)
    if any(sample.dtype != first.dtype for sample in batch):
        return stack([as_tensor(sample) for sample in batch])  # promotes as PyTorch does
    out = CPU.empty((len(batch), *first.shape), first.dtype)
    return as_tensor(np.stack(batch, out=out))


def _numbers(batch: Sequence[Any], place: str) -> Tensor:
    _check(batch, np.number | np.bool_ | float | int, "a number", place)
    first = batch[0]
    if isinstance(first, np.generic):
        return as_tensor(np.array(batch))
    return tensor(list(batch), dtype="float64" if isinstance(first, float) else None)


def _check(batch: Sequence[Any], kind: Any, text: str, place: str) -> None:
    for i, sample in enumerate(batch):
        if not isinstance(sample, kind):
            raise TypeError(
                f"default_collate: expected {text} in every sample{_at(place)}, as in sample 0 of "
                f"the mini-batch; sample {i} has {type(sample).__name__}"
            )


def _check_shapes(batch: Sequence[Any], place: str) -> None:
    shape = batch[0].shape
    for i, sample in enumerate(batch):
        if sample.shape != shape:
            raise RuntimeError(
                f"default_collate: expected the samples to be of equal size{_at(place)}, but got "
                f"{list(shape)} in sample 0 of the mini-batch and {list(sample.shape)} in sample "
                f"{i}; a collate_fn of your own could pad them"
            )


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def default_convert(data: Any) -> Any:
    """One sample with its NumPy arrays and numbers as tensors; what else there is stays.

    Tuples become lists, as in PyTorch. Arrays share their memory with the tensors.
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return as_tensor(data) if is_known(data.dtype) else data
    if isinstance(data, Mapping):
        return like_mapping(data, {key: default_convert(x) for key, x in data.items()})
    if isinstance(data, Sequence):
        parts = [default_convert(x) for x in data]
        return parts if type(data) is tuple else like_sequence(data, parts)
    return data
