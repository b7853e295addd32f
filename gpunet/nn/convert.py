"""Moving a module between devices and dtypes, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..autograd import Variable
from ..backend import Array, Device, backend_for, backend_of
from ..dtypes import FLOATING, as_dtype, bfloat16_dtype
from ..functions.memory_format import MemoryFormat

__all__ = ["Conversions", "converted"]

Self = TypeVar("Self", bound="Conversions")


class Conversions:
    """The part of `gpunet.nn.Module` that moves it. The Parameter objects stay the same ones."""

    parameters: Callable[..., Any]
    buffers: Callable[..., Any]

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move parameters and buffers to a device, to a dtype, or to those of a tensor.

        Called as ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.
        Only floating-point tensors change their dtype. Gradients move along. A `memory_format` is
        accepted for PyTorch's sake and changes nothing: images are in channels-last memory whatever
        the weights are.

        Raises
        ------
        TypeError
            If the dtype is not one of floating-point numbers, or an argument is none of these.
        DeviceError
            If the device is not there.
        """
        memory_format = kwargs.pop("memory_format", None)
        if memory_format is not None and not isinstance(memory_format, MemoryFormat):
            raise TypeError(
                "to() memory_format must be a gpunet.memory_format such as gpunet.channels_last, "
                f"got {type(memory_format).__name__}"
            )
        device, dtype = _destination(*args, **kwargs)
        if device is not None:
            backend_for(device)  # an error before anything has moved
        for tensor in (*self.parameters(), *self.buffers()):
            _convert(tensor, device, dtype)
        return self

    def cpu(self: Self) -> Self:
        """Move parameters and buffers to the CPU."""
        return self.to(Device("cpu"))

    def cuda(self: Self, device: int | str | Device | None = None) -> Self:
        """Move parameters and buffers to a GPU, the first by default."""
        return self.to("cuda" if device is None else device)

    def type(self: Self, dst_type: Any) -> Self:
        """Cast floating-point parameters and buffers to `dst_type`."""
        return self.to(dtype=as_dtype(dst_type))

    def float(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float32."""
        return self.to(dtype=np.float32)

    def double(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float64."""
        return self.to(dtype=np.float64)

    def half(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float16."""
        return self.to(dtype=np.float16)

    def bfloat16(self: Self) -> Self:
        """Cast floating-point parameters and buffers to bfloat16."""
        return self.to(dtype=bfloat16_dtype())


def _destination(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False
) -> tuple[Device | None, np.dtype | None]:
    """The device and the dtype that the arguments of `Conversions.to` name."""
    for argument in args:
        if isinstance(argument, Variable):
            array = argument.array
            device, dtype = backend_of(array).device_of(array), array.dtype
        elif isinstance(argument, np.dtype) or argument is float or _is_scalar_type(argument):
            dtype = argument
        elif isinstance(argument, bool):
            continue  # non_blocking, which a copy here never is
        elif isinstance(argument, Device | str | int):
            device = argument
        elif argument is not None:
            raise TypeError(
                "to() takes a device, a floating-point dtype or a tensor, got "
                f"{type(argument).__name__}"
            )
    if isinstance(device, int):
        device = Device("cuda", device)
    elif device is not None:
        device = Device(device)
    if dtype is not None:
        dtype = as_dtype(dtype)
        if dtype.kind not in FLOATING:
            raise TypeError(
                f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}"
            )
    return device, dtype


def _is_scalar_type(argument: Any) -> bool:
    return isinstance(argument, type) and issubclass(argument, np.generic)


def converted(array: Array, device: Device | None, dtype: np.dtype | None) -> Array:
    """`array` on `device` and, if it holds floating-point numbers, of `dtype`; itself if it is."""
    if dtype is not None and array.dtype.kind in FLOATING and array.dtype != dtype:
        array = array.astype(dtype)
    if device is not None:
        backend = backend_of(array)
        if backend.device_of(array) != device:
            array = backend_for(device).from_numpy(backend.to_numpy(array), device)
    return array


def _convert(tensor: Variable, device: Device | None, dtype: np.dtype | None) -> None:
    array = converted(tensor.array, device, dtype)
    if array is not tensor.array:
        tensor.array = array
        tensor.grad_buffer = None  # it belonged beside the old array; an optimiser makes a new one
    if tensor.grad is not None:
        tensor.grad.array = converted(tensor.grad.array, device, dtype)
