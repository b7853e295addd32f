"""Arithmetic of tensors and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import FLOATING, get_default_dtype
from ..ops import arithmetic as _ops
from ..ops.broadcast import broadcast_shape, shape_of
from .conversion import known
from .promotion import operands, pair, result_type

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "div",
    "divide",
    "floor_divide",
    "fmod",
    "lerp",
    "logaddexp",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]

_add = Operation(_ops.add_forward, _ops.add_backward)
_sub = Operation(_ops.sub_forward, _ops.sub_backward)
_mul = Operation(_ops.mul_forward, _ops.mul_backward)
_div = Operation(_ops.div_forward, _ops.div_backward)
_pow = Operation(_ops.pow_forward, _ops.pow_backward)
_remainder = Operation(_ops.remainder_forward, _ops.remainder_backward)
_fmod = Operation(_ops.fmod_forward, _ops.fmod_backward)
_atan2 = Operation(_ops.atan2_forward, _ops.atan2_backward)
_logaddexp = Operation(_ops.logaddexp_forward, _ops.logaddexp_backward)
_maximum = Operation(_ops.maximum_forward, _ops.maximum_backward)
_minimum = Operation(_ops.minimum_forward, _ops.minimum_backward)


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """``input + alpha other``, with broadcasting."""
    if alpha != 1:
        other = _scaled(input, other, alpha)
    return _add(*pair(input, other))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """``input - alpha other``, with broadcasting.

    Raises
    ------
    RuntimeError
        If one of them holds truth values: ``~`` and ``^`` are for those.
    """
    if alpha != 1:
        other = _scaled(input, other, alpha)
    for x in (input, other):
        if isinstance(x, Variable) and x.array.dtype.kind == "b":
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. "
                "Use the `^` or `logical_xor()` operator, or `~` to invert a mask."
            )
    return _sub(*pair(input, other))


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """``other - alpha input``."""
    return sub(other, input, alpha=alpha)


def mul(input: Any, other: Any) -> Any:
    """``input other``, element by element, with broadcasting."""
    return _mul(*pair(input, other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """``input / other``, with broadcasting. Integers are divided as floating-point numbers.

    Parameters
    ----------
    input, other : Tensor or number
    rounding_mode : {None, "floor", "trunc"}
        Round the quotient down, or towards zero; then integers give integers, and there is no
        gradient.

    Raises
    ------
    ValueError
        For another `rounding_mode`.
    """
    if rounding_mode is None:
        if _holds_floats(input) or _holds_floats(other):
            return _div(*pair(input, other))
        return _div(*operands(input, other, dtype=get_default_dtype()))
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise ValueError(f'rounding_mode: expected None, "floor" or "trunc", got {rounding_mode!r}')
    a, b = pair(input, other)
    if result_type(a, b).kind in FLOATING:
        return _untaped(lambda xp, x, y: xp.trunc(xp.divide(x, y)), a, b)
    # fmod takes the sign of a, so a - fmod(a, b) is divided without a remainder.
    return _untaped(lambda xp, x, y: xp.floor_divide(x - xp.fmod(x, y), y), a, b)


def floor_divide(input: Any, other: Any) -> Any:
    """``floor(input / other)``. It has no gradient.

    Raises
    ------
    RuntimeError
        For integers divided by the number 0.
    """
    return _untaped(lambda xp, x, y: xp.floor_divide(x, y), *pair(input, other))


def remainder(input: Any, other: Any) -> Any:
    """``input - floor(input / other) other``, Python's ``%``: of the sign of `other`."""
    a, b = pair(input, other)
    if result_type(a, b).kind in FLOATING:
        return _remainder(a, b)
    return _untaped(lambda xp, x, y: xp.remainder(x, y), a, b)


def fmod(input: Any, other: Any) -> Any:
    """``input - trunc(input / other) other``, C's ``fmod``: of the sign of `input`."""
    a, b = pair(input, other)
    if result_type(a, b).kind in FLOATING:
        return _fmod(a, b)
    return _untaped(lambda xp, x, y: xp.fmod(x, y), a, b)


def pow(input: Any, exponent: Any) -> Any:
    """``input ^ exponent``, element by element, with broadcasting; one of them may be a number.

    Raises
    ------
    RuntimeError
        For integers to the power of a negative number.
    """
    a, b = pair(input, exponent)
    if type(b) is int and b < 0 and a.array.dtype.kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return _pow(a, b)


def atan2(input: Any, other: Any) -> Any:
    """The angle of the point (`other`, `input`), from -pi to pi."""
    a, b = pair(input, other)
    if not (_holds_floats(a) or _holds_floats(b)):
        a, b = operands(a, b, dtype=get_default_dtype())
    return _atan2(a, b)


def logaddexp(input: Variable, other: Variable) -> Any:
    """``log(e^input + e^other)``, without overflow."""
    return _logaddexp(*pair(input, other))


def maximum(input: Any, other: Any) -> Any:
    """The larger of each two elements; NaN where one is NaN."""
    return _maximum(*pair(input, other))


def minimum(input: Any, other: Any) -> Any:
    """The smaller of each two elements; NaN where one is NaN."""
    return _minimum(*pair(input, other))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``input + weight (end - input)``."""
    return add(input, mul(sub(end, input), weight))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """``input + value tensor1 tensor2``."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """``input + value tensor1 / tensor2``."""
    return add(input, div(tensor1, tensor2), alpha=value)


arctan2 = atan2
multiply = mul
subtract = sub
divide = true_divide = div


def _scaled(input: Any, other: Any, alpha: float) -> Any:
    if isinstance(alpha, float) and result_type(input, other).kind not in FLOATING:
        raise RuntimeError("For integral input tensors, argument alpha must not be a float")
    return mul(other, alpha) if isinstance(other, Variable) else other * alpha


def _holds_floats(x: Any) -> bool:
    dtype = getattr(x.array if isinstance(x, Variable) else x, "dtype", None)
    return dtype is not None and dtype.kind in FLOATING


def _untaped(formula: Any, a: Any, b: Any) -> Any:
    """``formula(xp, a, b)`` of the arrays, with no gradient.

    Whole numbers divided by 0 are an error, except in tensors on a GPU, where looking for a 0 would
    mean waiting.
    """
    x = known(a.array) if isinstance(a, Variable) else a
    y = known(b.array) if isinstance(b, Variable) else b
    broadcast_shape(shape_of(x), shape_of(y))
    xp = backend_of((a if isinstance(a, Variable) else b).array).xp
    dtype = result_type(a, b)
    whole = dtype.kind not in FLOATING
    if whole and y is b and y == 0:
        raise _division_by_zero()
    try:
        with np.errstate(all="ignore", divide="raise" if whole else "ignore"):
            result = xp.asarray(formula(xp, x, y))
            return Operation.result(result.astype(dtype) if dtype.char == "E" else result)
    except FloatingPointError:
        raise _division_by_zero() from None


def _division_by_zero() -> RuntimeError:
    return RuntimeError("ZeroDivisionError: integer division by zero")
