"""Tensors from data: numbers, nested lists, arrays, other tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Array, backend_of
from ..dtypes import FLOATING, as_dtype, get_default_dtype, is_known
from .conversion import to
from .creation import made, place

__all__ = ["as_tensor", "asarray", "from_numpy", "tensor"]

_DTYPES = "bfloat16, float16, float32, float64, int8 to int64, uint8 to uint64 and bool"


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A new tensor with a copy of `data`.

    Parameters
    ----------
    data : number, nested lists or tuples, NumPy or CuPy array, or Tensor
    dtype : dtype, optional
        Default: that of an array; of Python numbers the default dtype (float32) if one is a float,
        int64 if all are whole, bool if all are truth values.
    device : str or Device, optional
        Default: that of a tensor or a CuPy array, otherwise the default device.
    requires_grad : bool

    Raises
    ------
    ValueError
        If the lists are not equally long.
    TypeError
        If there is something that is no number.
    RuntimeError
        If it is to require a gradient and does not hold floating-point numbers.
    """
    array = _read(data)
    dtype = array.dtype if dtype is None else as_dtype(dtype)
    source = backend_of(array)
    if device is None and (isinstance(data, Variable) or source.name != "cpu"):
        target, device = source, source.device_of(array)
    else:
        target, device = place(device)
    if source.device_of(array) == device:
        with target.on(device):
            new = target.empty(array.shape, dtype)
        new[...] = array
        return made(new, requires_grad)
    host = source.to_numpy(array).astype(dtype)
    return made(target.from_numpy(host, device), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor, without a copy where it is a tensor or an array of that dtype and device.

    Raises
    ------
    ValueError, TypeError
        As `tensor`.
    """
    if isinstance(data, Variable):
        return to(data, device=device, dtype=dtype)
    if not hasattr(data, "dtype") or not getattr(data, "shape", ()):
        return tensor(data, dtype=dtype, device=device)
    result = made(_readable(data))
    if device is None and type(data).__module__.partition(".")[0] != "cupy":
        device = place(None)[1]
    return to(result, device=device, dtype=dtype)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Any:
    """As `as_tensor`, or for ``copy=True`` as `tensor`."""
    if copy:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    result = as_tensor(obj, dtype, device)
    return made(result.array, True) if requires_grad and not result.requires_grad else result


def from_numpy(ndarray: Any) -> Any:
    """A tensor that shares the memory of a NumPy or CuPy array: a change of one is seen in both.

    Raises
    ------
    TypeError
        If it is no array, or of a dtype that tensors cannot have.
    ValueError
        If a stride is negative.
    """
    if not isinstance(ndarray, np.ndarray) and type(ndarray).__module__.partition(".")[0] != "cupy":
        raise TypeError(f"ndarray: expected a NumPy or CuPy array, got {type(ndarray).__name__}")
    if min(ndarray.strides, default=0) < 0:
        raise ValueError(
            "ndarray: at least one stride is negative, as after [::-1]; give a copy of the array"
        )
    return made(_readable(ndarray))


def _readable(array: Any) -> Array:
    """`array` as a plain array of a dtype that tensors can have."""
    if isinstance(array, np.ndarray | np.generic):
        array = np.asarray(array)  # without a subclass
    if not is_known(array.dtype) or not array.dtype.isnative or array.dtype.itemsize > 8:
        raise TypeError(
            f"data: can't convert an array of type {array.dtype}; supported are {_DTYPES}, in the "
            "machine's byte order"
        )
    return array


def _read(data: Any) -> Array:
    """Any data as an array, where Python's floats become the default dtype."""
    if isinstance(data, Variable):
        return data.array
    if hasattr(data, "dtype"):
        return _readable(data)
    if isinstance(data, float):
        return np.array(data, get_default_dtype())
    data, typed = _plain(data)
    try:
        array = np.array(data)
    except ValueError:
        raise ValueError(f"data: {_ragged(data, 0)}") from None
    except OverflowError:
        raise OverflowError("data: a number does not fit into 64 bits") from None
    if not is_known(array.dtype) or array.dtype == "uint64":
        if array.dtype.kind in "uO" and _all_numbers(data):
            raise OverflowError("data: a number does not fit into 64 bits")
        raise TypeError(f"data: expected numbers or nested lists of numbers, got {_wrong(data)}")
    if not typed and array.dtype.kind in FLOATING:
        return array.astype(get_default_dtype())
    if not typed and array.dtype.kind == "i":
        return array.astype("int64", copy=False)
    return array


def _plain(data: Any) -> tuple[Any, bool]:
    """Lists with tensors replaced by NumPy arrays, and whether a dtype was given within."""
    if isinstance(data, list | tuple):
        pairs = [_plain(x) for x in data] if data and not _is_number(data[0]) else None
        if pairs is not None:
            return [x for x, _ in pairs], any(typed for _, typed in pairs)
        typed = any(not _is_number(x) for x in data)
        return ([_plain(x)[0] for x in data] if typed else data), typed
    if isinstance(data, Variable):
        data = data.array
    if hasattr(data, "dtype"):
        return backend_of(np.asarray(data) if isinstance(data, np.generic) else data).to_numpy(
            data
        ), True
    return data, False


def _is_number(x: Any) -> bool:
    return type(x) in (float, int, bool)


def _leaves(data: Any) -> Any:
    if isinstance(data, list | tuple):
        for x in data:
            yield from _leaves(x)
    else:
        yield data


def _all_numbers(data: Any) -> bool:
    return all(_is_number(x) for x in _leaves(data))


def _wrong(data: Any) -> str:
    """The first thing in `data` that is no number."""
    for x in _leaves(data):
        if not _is_number(x) and not isinstance(x, np.ndarray):
            return f"{x!r} of type {type(x).__name__}"
    return type(data).__name__


def _ragged(data: Any, depth: int) -> str:
    """Where the lists are not equally long."""
    lengths = [len(x) if isinstance(x, list | tuple) else None for x in data]
    for length in lengths:
        if length != lengths[0]:
            kinds = ["a number" if n is None else f"a list of {n}" for n in (lengths[0], length)]
            return f"expected equal lengths at dim {depth + 1}, got {kinds[0]} and {kinds[1]}"
    for x in data:
        if isinstance(x, list | tuple):
            message = _ragged(x, depth + 1)
            if message:
                return message
    return "the nested lists are not equally long" if depth == 0 else ""
