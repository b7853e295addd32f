"""Mini-batches are tensors in lists, tuples and dicts: new ones after the pattern of old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any

from ...tensor import Tensor

__all__ = ["like_mapping", "like_sequence", "map_tensors"]


def like_mapping(old: Mapping[Any, Any], new: dict[Any, Any]) -> Any:
    """`new` as a mapping of the type of `old`, where that type can be made; otherwise a dict."""
    if type(old) is dict:
        return new
    try:
        if not isinstance(old, MutableMapping):
            return type(old)(new)  # type: ignore[call-arg]
        clone = copy(old)  # it may have attributes of its own
        clone.update(new)
        return clone
    except TypeError:
        return new


def like_sequence(old: Sequence[Any], new: list[Any]) -> Any:
    """`new` as a sequence of the type of `old`, where that type can be made; otherwise a list."""
    if type(old) is list:
        return new
    if isinstance(old, tuple) and hasattr(old, "_fields"):
        return type(old)(*new)
    try:
        if not isinstance(old, MutableSequence):
            return type(old)(new)  # type: ignore[call-arg]
        clone = copy(old)
        for i, item in enumerate(new):
            clone[i] = item
        return clone
    except TypeError:
        return new


def map_tensors(function: Callable[[Tensor], Any], batch: Any) -> Any:
    """`batch` with ``function(tensor)`` in the place of each of its tensors, in a fixed order."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, str | bytes):
        return batch
    if isinstance(batch, Mapping):
        return like_mapping(batch, {k: map_tensors(function, x) for k, x in batch.items()})
    if isinstance(batch, Sequence):
        return like_sequence(batch, [map_tensors(function, x) for x in batch])
    return batch
