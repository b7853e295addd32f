"""Questions about a tensor as a whole."""

from __future__ import annotations

from typing import Any

from ..autograd import Variable
from ..dtypes import FLOATING

__all__ = ["is_floating_point", "is_nonzero", "is_tensor", "numel"]


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Variable)


def is_floating_point(input: Variable) -> bool:
    """Whether the elements are floating-point numbers."""
    return input.array.dtype.kind in FLOATING


def is_nonzero(input: Variable) -> bool:
    """Whether the only element is not zero. On a GPU this waits for the device.

    Raises
    ------
    RuntimeError
        If there is not exactly one element.
    """
    if input.array.size != 1:
        raise RuntimeError(f"input: expected one element, got {input.array.size}")
    return bool(input.array.item())


def numel(input: Variable) -> int:
    """The number of elements."""
    return input.array.size
