"""What of a call decides which recording runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ..autograd import Variable

__all__ = ["mapped", "signature", "tensors"]


def signature(x: Any, arrays: list[Any]) -> Hashable:
    """What two calls must have in common to share a recording; collects the arrays in `x`.

    Tensors and arrays count with shape, strides, dtype and device; what else can be hashed counts
    with its value, all other objects with their identity.
    """
    if isinstance(x, Variable):
        array = x.array
        arrays.append(array)
        if type(array) is np.ndarray:
            return array.shape, array.strides, array.dtype.char, x.requires_grad
        return array.shape, array.strides, array.dtype.char, x.requires_grad, array.device.id
    if isinstance(x, np.ndarray):
        arrays.append(x)
        return "array", x.shape, x.strides, x.dtype.char
    if isinstance(x, tuple | list):
        return type(x), *[signature(item, arrays) for item in x]
    if isinstance(x, dict):
        return type(x), *[(key, signature(item, arrays)) for key, item in x.items()]
    try:
        hash(x)
    except TypeError:
        return "object", id(x)
    return type(x), x  # 1, 1.0 and True are equal


def mapped(x: Any, replace: Callable[[Any], Any]) -> Any:
    """`x` with ``replace(item)`` for each tensor and array in it, in the order of `signature`."""
    if isinstance(x, Variable | np.ndarray):
        return replace(x)
    if isinstance(x, tuple):
        items = [mapped(item, replace) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, list):
        return type(x)([mapped(item, replace) for item in x])
    if isinstance(x, dict):
        return type(x)({key: mapped(item, replace) for key, item in x.items()})
    return x


def tensors(x: Any) -> list[Variable]:
    """The tensors in `x`."""
    found: list[Variable] = []
    mapped(x, lambda item: found.append(item) if isinstance(item, Variable) else None)
    return found
