"""Operations in place: ``x.add_(y)``, ``x += y``, ``x.zero_()``, ``x[i] = v``.

Off the tape they change the memory of the tensor, which its views see. On the tape the memory stays
as it is, because operations before may have saved it: the tensor becomes the result of the
operation, and gradients stay right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..autograd.mode import MODE
from ..backend import backend_of
from ..ops import conversion as _ops
from ..ops.broadcast import broadcast_shape
from ._views import is_view_of_another, refuse_view
from .arithmetic import add, div, mul, sub
from .conversion import cast, known, transfer
from .promotion import can_cast

__all__ = [
    "add_",
    "change",
    "copy_",
    "div_",
    "fill_",
    "in_place",
    "in_place_form",
    "mul_",
    "operator_form",
    "sub_",
    "zero_",
]

_overwrite = Operation(_ops.overwrite_forward, _ops.overwrite_backward)


def in_place(function: Callable[..., Any], x: Variable, *args: Any, **options: Any) -> Any:
    """Make `x` what ``function(x, *args, **options)`` gives, and return it.

    Raises
    ------
    RuntimeError
        If `x` is a leaf that requires a gradient and the tape is on, if the result has another
        shape or a dtype of a higher category, or if elements of `x` share memory.
    """
    array = x.array
    if MODE.enabled:
        _refuse_leaf(function.__name__, x)
    result = function(x, *args, **options)
    if result.array.shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(result.array.shape)}"
        )
    if not can_cast(result.array.dtype, array.dtype):
        raise RuntimeError(
            f"result type {result.array.dtype} can't be cast to the desired output type "
            f"{array.dtype}"
        )
    if result.node is not None:
        _become(function.__name__, x, cast(result, array.dtype))
    else:
        _refuse_shared_memory(array)
        backend_of(array).xp.copyto(array, result.array, casting="unsafe")
        x.mark_changed()
    return x


def change(
    function: Operation, write: Callable[..., None], x: Variable, *inputs: Any, **options: Any
) -> Any:
    """Give part of `x` new values and return it.

    Off the tape ``write(backend, x.array, *arrays, **options)`` does so; on the tape `x` becomes
    the result of ``function(x, *inputs, **options)``.

    Raises
    ------
    RuntimeError
        If `x` is a leaf that requires a gradient and the tape is on, or if elements of `x` share
        memory.
    """
    if MODE.enabled and (
        x.requires_grad or any(isinstance(v, Variable) and v.requires_grad for v in inputs)
    ):
        _refuse_leaf(function.name, x)
        _become(function.name, x, function(x, *inputs, **options))
    else:
        array = x.array
        _refuse_shared_memory(array)
        arrays = [v.array if isinstance(v, Variable) else v for v in inputs]
        if array.dtype.char == "E" and function.name != "setitem":
            wide = known(array)
            arrays = [known(v) if hasattr(v, "dtype") else v for v in arrays]
            write(backend_of(array), wide, *arrays, **options)
            array[...] = wide
        else:
            write(backend_of(array), array, *arrays, **options)
        x.mark_changed()
    return x


def in_place_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """The form in place of `function`: its first argument becomes what it gives."""

    @wraps(function)
    def form(x: Variable, *args: Any, **options: Any) -> Any:
        return in_place(function, x, *args, **options)

    form.__name__ += "_"
    form.__doc__ = f"`{function.__name__}` in place; see `gpunet.functions.inplace.in_place`."
    return form


def operator_form(form: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The operator ``x += y`` of a function and its form in place.

    ``x[0] += y`` means ``v = x[0]; v = v.__iadd__(y); x[0] = v``: the view `v` need not change,
    because the result is assigned to the tensor.
    """

    def operator(x: Variable, other: Any) -> Any:
        if (
            x.array.base is not None
            and MODE.enabled
            and (x.node is not None or getattr(other, "requires_grad", False))
            and is_view_of_another(x)
        ):
            _refuse_leaf(form.__name__, x)
            return function(x, other)
        return form(x, other)

    operator.__name__ = form.__name__
    operator.__doc__ = f"`{form.__name__}` as an operator; see `operator_form`."
    return operator


def _become(name: str, x: Variable, result: Variable) -> None:
    refuse_view(name, x)
    x.array, x.node, x.requires_grad = result.array, result.node, True


def _refuse_leaf(name: str, x: Variable) -> None:
    if x.requires_grad and x.node is None:
        raise RuntimeError(
            f"{name}: a leaf tensor that requires a gradient cannot be changed in place; "
            "use no_grad() or the form that is not in place"
        )


def _refuse_shared_memory(array: Any) -> None:
    if 0 in array.strides and any(s == 0 and n > 1 for n, s in zip(array.shape, array.strides)):
        raise RuntimeError(
            "more than one element of the written-to tensor refers to a single memory location; "
            "clone() the tensor before it is changed in place"
        )


def _arithmetic(
    name: str, function: Callable[..., Any], x: Variable, other: Any, **alpha: float
) -> Any:
    """`in_place` without memory for the result, where nothing stands against it."""
    array = x.array
    if isinstance(other, Variable):
        operand = other.array
        plain = (
            operand.dtype is array.dtype
            and type(operand) is type(array)
            and not (other.requires_grad and MODE.enabled)
            and (
                operand.shape == array.shape
                or broadcast_shape(operand.shape, array.shape) == array.shape
            )
        )
    else:
        operand = other
        plain = type(other) is float or type(other) is int
    if (
        not plain
        or array.dtype.kind != "f"  # bfloat16 has no arithmetic of its own
        or (x.requires_grad and MODE.enabled)
        or 0 in array.strides
    ):
        return in_place(function, x, other, **alpha)
    if alpha:
        operand = operand * alpha["alpha"]
    getattr(backend_of(array).xp, name)(array, operand, array)
    x.mark_changed()
    return x


def add_(x: Variable, other: Any, *, alpha: float = 1) -> Any:
    """``x += alpha other``."""
    if alpha == 1:
        return _arithmetic("add", add, x, other)
    return _arithmetic("add", add, x, other, alpha=alpha)


def sub_(x: Variable, other: Any, *, alpha: float = 1) -> Any:
    """``x -= alpha other``."""
    if alpha == 1:
        return _arithmetic("subtract", sub, x, other)
    return _arithmetic("subtract", sub, x, other, alpha=alpha)


def mul_(x: Variable, other: Any) -> Any:
    """``x *= other``."""
    return _arithmetic("multiply", mul, x, other)


def div_(x: Variable, other: Any, *, rounding_mode: str | None = None) -> Any:
    """``x /= other``, rounded as in `div`."""
    if rounding_mode is not None:
        return in_place(div, x, other, rounding_mode=rounding_mode)
    with np.errstate(all="ignore"):
        return _arithmetic("divide", div, x, other)


def copy_(x: Variable, src: Any, non_blocking: bool = False) -> Any:
    """Give `x` the values of `src`, which broadcast to its shape; as its dtype, on its device.

    Raises
    ------
    RuntimeError
        If the shape of `src` does not broadcast to that of `x`; and as `in_place`.
    """
    array = x.array
    if isinstance(src, Variable):
        if type(src.array) is not type(array):
            src = transfer(src, backend_of(array).device_of(array))
        shape = src.array.shape
        if broadcast_shape(shape, array.shape) != array.shape:
            raise RuntimeError(f"src: shape {shape} does not broadcast to {array.shape}")
    if MODE.enabled and (x.requires_grad or (isinstance(src, Variable) and src.requires_grad)):
        return in_place(_overwriting, x, src)
    _refuse_shared_memory(array)
    array[...] = src.array if isinstance(src, Variable) else src
    x.mark_changed()
    return x


def fill_(x: Variable, value: Any) -> Any:
    """Give all elements of `x` the value `value`, a number or a tensor of one element."""
    if isinstance(value, Variable) and value.array.ndim:
        raise RuntimeError(
            f"value: expected a number or a tensor of no dimensions, got shape {value.array.shape}"
        )
    return copy_(x, value)


def zero_(x: Variable) -> Any:
    """Give all elements of `x` the value 0."""
    return copy_(x, 0)


def _overwriting(x: Variable, src: Any) -> Any:
    return _overwrite(x, src)
