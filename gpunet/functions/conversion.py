"""Other dtypes, other memory, other devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Node, Operation, Variable
from ..autograd.mode import MODE
from ..backend import Array, Device, backend_for, backend_of
from ..dtypes import FLOATING, as_dtype
from ..ops import conversion as _ops
from .memory_format import check_format, contiguous_format, is_in_format, preserve_format

__all__ = ["cast", "clone", "contiguous", "known", "to", "transfer"]

_FLOAT32 = np.dtype("float32")

_cast = Operation(_ops.cast_forward, _ops.cast_backward)
_clone = Operation(_ops.clone_forward, _ops.clone_backward)
_contiguous = Operation(_ops.contiguous_forward, _ops.contiguous_backward)
_transfer = Operation(_ops.transfer_forward, _ops.transfer_backward)


def known(array: Array) -> Array:
    """`array`, or a float32 copy of bfloat16, of which array functions know little."""
    return array.astype(_FLOAT32) if array.dtype.char == "E" else array


def cast(input: Variable, dtype: Any) -> Any:
    """`input` as `dtype`; itself where it is so already. Floating-point types keep the tape."""
    dtype = as_dtype(dtype)
    array = input.array
    if array.dtype == dtype:
        return input
    if dtype.kind in FLOATING:
        return _cast(input, dtype=dtype)
    return Operation.result(array.astype(dtype))


def clone(input: Variable, *, memory_format: Any = preserve_format) -> Any:
    """A copy of `input`, through which gradients flow; in the same memory order by default."""
    if memory_format is preserve_format:
        return _clone(input)
    result = contiguous(input, memory_format=memory_format)
    return _clone(input) if result is input else result


def contiguous(input: Variable, memory_format: Any = contiguous_format) -> Any:
    """`input` in C order, or in another `memory_format`; itself where it is so already.

    Raises
    ------
    RuntimeError
        If `memory_format` is for tensors of another number of dimensions.
    """
    if memory_format is contiguous_format:
        return input if input.array.flags.c_contiguous else _contiguous(input)
    if memory_format is preserve_format:
        raise RuntimeError("contiguous: preserve memory format is unsupported by this operator")
    last = check_format("contiguous", input.array, memory_format)
    if is_in_format(input.array, memory_format):
        return input
    return _contiguous(input, channels_last=last)


def transfer(input: Variable, device: Any, non_blocking: bool = False) -> Any:
    """`input` on `device`; itself where it is there already. Gradients travel back.

    With `non_blocking` the host does not wait for a copy out of pinned memory.

    Raises
    ------
    DeviceError
        If `device` cannot be used.
    """
    device = Device(device)
    array = input.array
    source = backend_of(array)
    if source.device_of(array) == device:
        return input
    target = backend_for(device)
    moved, saved = _ops.transfer_forward(target, array, source, device, non_blocking)
    if not (input.requires_grad and MODE.enabled):
        return Operation.result(moved)
    # The gradients of the copy meet on the device of the copy, so the node belongs to that one.
    return Operation.result(moved, Node(_transfer, target, (input.node or input,), saved))


def to(
    input: Variable,
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = preserve_format,
) -> Any:
    """`input` with another device, dtype, or both, as ``torch.Tensor.to``.

    Parameters
    ----------
    *args
        A device, a dtype, a device and a dtype, or a tensor that has both; then, as in PyTorch,
        `non_blocking` and `copy`.
    device, dtype : optional
        The same by name.
    non_blocking : bool
        Do not wait for a copy from the pinned memory that ``DataLoader(pin_memory=True)`` gives.
    copy : bool
        A copy even where nothing changes.
    memory_format : optional
        `gpunet.channels_last`, `gpunet.contiguous_format`, ...; by default the input's.
    """
    flags = [x for x in args if type(x) is bool]
    non_blocking = flags[0] if flags else non_blocking
    if len(flags) > 1:
        copy = flags[1]
    for x in args:
        if isinstance(x, Variable):
            device, dtype = backend_of(x.array).device_of(x.array), x.array.dtype
        elif isinstance(x, str | Device):
            device = x
        elif x is not None and type(x) is not bool:
            dtype = x
    result = input if device is None else transfer(input, device, non_blocking)
    if dtype is not None:
        result = cast(result, dtype)
    if memory_format is not preserve_format:
        result = contiguous(result, memory_format)
    return clone(result) if copy and result is input else result
