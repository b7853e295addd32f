"""In which order the axes of a tensor lie in memory."""

from __future__ import annotations

from typing import Any

__all__ = ["channels_last", "channels_last_3d", "contiguous_format", "preserve_format"]


class MemoryFormat:
    """One of `contiguous_format`, `preserve_format`, `channels_last` and `channels_last_3d`."""

    def __init__(self, name: str, ndim: int | None = None):
        self._name = name
        self._ndim = ndim

    def __repr__(self) -> str:
        return f"gpunet.{self._name}"

    def __reduce__(self) -> str:
        return self._name  # copies are the same object


#: C order: the last axis has neighbours side by side.
contiguous_format = MemoryFormat("contiguous_format")
#: The order of the input.
preserve_format = MemoryFormat("preserve_format")
#: Images of shape (N, C, H, W) in memory as (N, H, W, C).
channels_last = MemoryFormat("channels_last", 4)
#: Volumes of shape (N, C, D, H, W) in memory as (N, D, H, W, C).
channels_last_3d = MemoryFormat("channels_last_3d", 5)


def check_format(name: str, array: Any, memory_format: Any) -> bool:
    """Whether `memory_format` is a channels-last one.

    Raises
    ------
    TypeError
        If it is no memory format.
    RuntimeError
        If it is for another number of axes than `array` has.
    """
    if not isinstance(memory_format, MemoryFormat):
        raise TypeError(
            f"{name}: memory_format must be a gpunet.memory_format such as gpunet.channels_last, "
            f"not {type(memory_format).__name__}"
        )
    ndim = memory_format._ndim
    if ndim is not None and array.ndim != ndim:
        raise RuntimeError(
            f"{name}: required rank {ndim} tensor to use {memory_format} format, "
            f"got shape {tuple(array.shape)}"
        )
    return ndim is not None


def is_in_format(array: Any, memory_format: Any) -> bool:
    """Whether `array` lies in memory as `memory_format` says, without gaps."""
    if not isinstance(memory_format, MemoryFormat):
        check_format("is_contiguous", array, memory_format)
    if memory_format is preserve_format:
        raise RuntimeError("is_contiguous: preserve memory format is unsupported by this operator")
    if memory_format._ndim is None:
        return array.flags.c_contiguous
    if array.ndim != memory_format._ndim:
        return False
    return array.transpose(0, *range(2, array.ndim), 1).flags.c_contiguous
