"""Reading what stands between the brackets of ``x[...]``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import backend_of
from ..errors import DeviceError

__all__ = [
    "beside",
    "check_mask",
    "check_range",
    "index_array",
    "parse",
]

_ALL = slice(None)


def parse(input: Variable, index: Any) -> tuple[Any, Any, bool]:
    """`index` as the two steps of `gpunet.ops.indexing`, and whether no place comes up twice."""
    items = index if type(index) is tuple else (index,)
    for item in items:
        kind = type(item)
        if kind is slice:
            if item.step is not None and item.step <= 0:
                raise ValueError(f"index: step must be greater than zero, got {item}")
        elif kind is not int and item is not None and item is not Ellipsis:
            return _parse_advanced(input, items)
    return (items if Ellipsis in items else (*items, Ellipsis)), None, True


def _parse_advanced(input: Variable, items: tuple[Any, ...]) -> tuple[Any, Any, bool]:
    shape = input.array.shape
    xp = backend_of(input.array).xp
    items = tuple([_item(input, item) for item in items])
    used = 0
    for item in items:
        if hasattr(item, "dtype"):
            used += item.ndim if item.dtype == bool else 1
        elif item is not None and item is not Ellipsis and item is not True and item is not False:
            used += 1
    if used > len(shape):
        raise IndexError(f"index: too many indices for tensor of dimension {len(shape)}")
    if Ellipsis not in [item for item in items if not hasattr(item, "dtype")]:
        items = (*items, Ellipsis)

    basic: list[Any] = []  # for the axes of the input
    advanced: list[Any] = []  # for the axes of input[basic]
    axis, arrays, unique = 0, 0, True
    for item in items:
        if item is Ellipsis:
            rest = len(shape) - used
            used = len(shape)  # a second Ellipsis stands for nothing
            basic += [_ALL] * rest
            advanced += [_ALL] * rest
            axis += rest
        elif item is None:
            basic.append(None)
            advanced.append(_ALL)
        elif item is True or item is False:
            basic.append(None)
            advanced.append(xp.zeros(int(item), "int64"))
            arrays += 1
        elif type(item) is slice:
            basic.append(item)
            advanced.append(_ALL)
            axis += 1
        elif type(item) is int:
            basic.append(item)
            axis += 1
        elif item.dtype == bool:
            check_mask(item.shape, shape, axis)
            places = [beside(input, p) for p in backend_of(item).xp.nonzero(item)]
            basic += [_ALL] * len(places)
            advanced += places
            axis += len(places)
            arrays += 1
        else:
            basic.append(_ALL)
            if type(item) is not type(input.array) and item.size:
                # From the host: looking at it makes no one wait. NumPy itself checks on the CPU.
                check_range("index", item, shape[axis])
            advanced.append(beside(input, item))
            axis += 1
            arrays += 1
            unique = False
    while advanced and advanced[-1] is _ALL:
        advanced.pop()
    plain = all(item is _ALL for item in basic)
    return (
        None if plain else (*basic, Ellipsis),
        tuple(advanced) if arrays else None,
        unique and arrays < 2,
    )


def _item(input: Variable, item: Any) -> Any:
    """One entry of an index as None, Ellipsis, bool, int, a slice, or an array beside `input`'s."""
    if item is None or item is Ellipsis or type(item) in (int, bool):
        return item
    if type(item) is slice:
        if item.step is not None and item.step <= 0:
            raise ValueError(f"index: step must be greater than zero, got {item}")
        return item
    array = index_array(input, item)
    if array.ndim:
        return array
    return bool(array) if array.dtype == bool else int(array)


def index_array(input: Variable, item: Any, any_dtype: bool = False) -> Any:
    """`item`, a tensor, an array or lists of numbers, as an array where `input` is or of NumPy."""
    array = item.array if isinstance(item, Variable) else item
    kind = type(input.array)
    if type(array) is not kind:
        if type(array).__module__.partition(".")[0] == "cupy":
            raise DeviceError(
                f"index: is on {backend_of(array).device_of(array)}, the tensor on the CPU; "
                "move it with .cpu()"
            )
        array = np.asarray(_plain(array))
        if array.size == 0 and not hasattr(item, "dtype") and not isinstance(item, Variable):
            array = array.astype("int64")  # an empty list has no dtype
    if not any_dtype and array.dtype.kind not in "ib" and array.dtype.str[1:] not in ("u2", "u4"):
        hint = "; make it .bool() or .long()" if array.dtype.kind == "u" else ""
        raise IndexError(
            f"index: tensors used as indices must be long, int or bool tensors, got "
            f"{array.dtype}{hint}"
        )
    return array


def beside(input: Variable, array: Any) -> Any:
    """`array`, if it is a NumPy array, on the device of `input`."""
    if type(array) is type(input.array):
        return array
    backend = backend_of(input.array)
    return backend.from_numpy(array, backend.device_of(input.array))


def check_range(name: str, array: np.ndarray, n: int, lowest: int | None = None) -> None:
    """Refuse indices below `lowest`, which is -n by default, or above ``n - 1``."""
    low, high = int(array.min()), int(array.max())
    if low < (-n if lowest is None else lowest) or high >= n:
        raise IndexError(
            f"{name}: index {high if high >= n else low} is out of bounds for dimension of size {n}"
        )


def _plain(item: Any) -> Any:
    """Lists of tensors as lists of arrays."""
    if isinstance(item, list | tuple | range):
        return [_plain(x.array if isinstance(x, Variable) else x) for x in item]
    return item


def check_mask(mask: tuple[int, ...], shape: tuple[int, ...], axis: int) -> None:
    for i, n in enumerate(mask):
        if n != shape[axis + i]:
            raise IndexError(
                f"index: the shape of the mask {list(mask)} at index {i} does not match the shape "
                f"of the indexed tensor {list(shape)} at index {axis + i}"
            )
