"""New tensors, filled with a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import Array, Backend, Device, backend_for, backend_of, default_device
from ..dtypes import FLOATING, as_dtype, get_default_dtype
from ._arguments import as_sizes
from .memory_format import check_format, preserve_format

__all__ = [
    "empty",
    "empty_like",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def made(array: Array, requires_grad: bool = False) -> Any:
    """A leaf tensor around `array`.

    Raises
    ------
    RuntimeError
        If it is to require a gradient and does not hold floating-point numbers.
    """
    tensor = Operation.result(array)
    if requires_grad:
        if array.dtype.kind not in FLOATING:
            raise RuntimeError(
                "requires_grad: only tensors of floating point dtype can require gradients, "
                f"got {array.dtype}"
            )
        tensor.requires_grad = True
    return tensor


def place(device: Any) -> tuple[Backend, Device]:
    """The backend and the device that a function's `device` means."""
    device = default_device() if device is None else Device(device)
    return backend_for(device), device


def element_type(dtype: Any) -> np.dtype:
    """The dtype that a function's `dtype` means, where None means the default."""
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def number(value: Any, name: str) -> Any:
    """A Python number for `value`, which may be a tensor or array of one element."""
    if isinstance(value, bool | int | float):
        return value
    try:
        return (value.array if isinstance(value, Variable) else value).item()
    except (AttributeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None


def _filled(sizes: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    backend, device = place(device)
    shape = as_sizes(sizes)
    if min(shape, default=0) < 0:
        raise RuntimeError(f"size: expected sizes of at least 0, got {shape}")
    with backend.on(device):
        array = backend.empty(shape, dtype)
    if value is not None:
        array.fill(value)
    return made(array, requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """An uninitialised tensor. `size`: numbers, or one tuple or list of them."""
    return _filled(size, None, element_type(dtype), device, requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A tensor of zeros. `size`: numbers, or one tuple or list of them.

    Parameters
    ----------
    *size : int
    dtype : dtype, optional
        Default: the default dtype, float32.
    device : str or Device, optional
        Default: the default device.
    requires_grad : bool

    Raises
    ------
    RuntimeError
        If a size is negative.
    """
    return _filled(size, 0, element_type(dtype), device, requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A tensor of ones. `size`: numbers, or one tuple or list of them."""
    return _filled(size, 1, element_type(dtype), device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of `fill_value`, whose kind (bool, int, float) gives the dtype by default."""
    value = number(fill_value, "fill_value")
    if dtype is None:
        dtype = {bool: bool, int: "int64"}.get(type(value)) or get_default_dtype()
    return _filled((size,), value, as_dtype(dtype), device, requires_grad)


def _like(
    input: Variable, value: Any, dtype: Any, device: Any, requires_grad: bool, memory_format: Any
) -> Any:
    array = input.array
    dtype = array.dtype if dtype is None else as_dtype(dtype)
    if device is None:
        backend = backend_of(array)
        device = backend.device_of(array)
    else:
        backend, device = place(device)
    if memory_format is preserve_format:
        order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    elif check_format("memory_format", array, memory_format):
        order = [0, *range(2, array.ndim), 1]
    else:
        order = list(range(array.ndim))
    with backend.on(device):
        new = backend.empty(tuple([array.shape[i] for i in order]), dtype)
    if value is not None:
        new.fill(value)
    if order != list(range(array.ndim)):
        inverse = [order.index(i) for i in range(array.ndim)]
        new = new.transpose(inverse)
    return made(new, requires_grad)


def empty_like(
    input: Variable,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    """An uninitialised tensor of the shape, and by default the dtype and device, of `input`."""
    return _like(input, None, dtype, device, requires_grad, memory_format)


def zeros_like(
    input: Variable,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    """Zeros of the shape, and by default the dtype and device, of `input`."""
    return _like(input, 0, dtype, device, requires_grad, memory_format)


def ones_like(
    input: Variable,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    """Ones of the shape, and by default the dtype and device, of `input`."""
    return _like(input, 1, dtype, device, requires_grad, memory_format)


def full_like(
    input: Variable,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    """`fill_value` in the shape, and by default the dtype and device, of `input`."""
    return _like(
        input, number(fill_value, "fill_value"), dtype, device, requires_grad, memory_format
    )


def beside(make: Callable[..., Any], input: Variable, *args: Any, **options: Any) -> Any:
    """What `make` gives, where `options` say nothing else with the dtype and device of `input`."""
    array = input.array
    if options.get("dtype") is None:
        options["dtype"] = array.dtype
    if options.get("device") is None:
        options["device"] = backend_of(array).device_of(array)
    return make(*args, **options)
