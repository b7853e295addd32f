"""Comparisons, logic and tests for special values. They give truth values and have no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import FLOATING
from ..ops.broadcast import broadcast_shape, shape_of
from .conversion import known
from .promotion import operands, pair

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
]


def _apply(name: str, *xs: Any) -> Any:
    """The array function `name` of tensors and numbers, off the tape."""
    arrays = [known(x.array) if isinstance(x, Variable) else x for x in xs]
    backend = backend_of(next(x.array for x in xs if isinstance(x, Variable)))
    try:
        result = getattr(backend.xp, name)(*arrays)
    except ValueError:
        broadcast_shape(*map(shape_of, arrays))  # says what is wrong with the shapes
        raise
    if type(result) is not backend.array_type:
        result = backend.xp.asarray(result)
    return Operation.result(result)


def eq(input: Any, other: Any) -> Any:
    """``input == other``, element by element, with broadcasting."""
    return _apply("equal", *pair(input, other))


def ne(input: Any, other: Any) -> Any:
    """``input != other``, element by element, with broadcasting."""
    return _apply("not_equal", *pair(input, other))


def lt(input: Any, other: Any) -> Any:
    """``input < other``, element by element, with broadcasting."""
    return _apply("less", *pair(input, other))


def le(input: Any, other: Any) -> Any:
    """``input <= other``, element by element, with broadcasting."""
    return _apply("less_equal", *pair(input, other))


def gt(input: Any, other: Any) -> Any:
    """``input > other``, element by element, with broadcasting."""
    return _apply("greater", *pair(input, other))


def ge(input: Any, other: Any) -> Any:
    """``input >= other``, element by element, with broadcasting."""
    return _apply("greater_equal", *pair(input, other))


def logical_and(input: Any, other: Any) -> Any:
    """Whether both are nonzero."""
    return _apply("logical_and", *pair(input, other))


def logical_or(input: Any, other: Any) -> Any:
    """Whether at least one is nonzero."""
    return _apply("logical_or", *pair(input, other))


def logical_xor(input: Any, other: Any) -> Any:
    """Whether exactly one is nonzero."""
    return _apply("logical_xor", *pair(input, other))


def logical_not(input: Variable) -> Any:
    """Whether the element is zero."""
    return _apply("logical_not", input)


def _bitwise(name: str, sign: str, *xs: Any) -> Any:
    if any(
        isinstance(x, float) or (isinstance(x, Variable) and x.array.dtype.kind in FLOATING)
        for x in xs
    ):
        raise RuntimeError(f"{sign} ({name}) is for integers and truth values, not floats")
    return _apply(name, *xs)


def bitwise_and(input: Any, other: Any) -> Any:
    """``input & other`` of integers or truth values."""
    return _bitwise("bitwise_and", "&", *pair(input, other))


def bitwise_or(input: Any, other: Any) -> Any:
    """``input | other`` of integers or truth values."""
    return _bitwise("bitwise_or", "|", *pair(input, other))


def bitwise_xor(input: Any, other: Any) -> Any:
    """``input ^ other`` of integers or truth values."""
    return _bitwise("bitwise_xor", "^", *pair(input, other))


def bitwise_not(input: Variable) -> Any:
    """``~input`` of integers or truth values.

    Raises
    ------
    TypeError
        For floating-point numbers.
    """
    if input.array.dtype.kind in FLOATING:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return _apply("invert", input)


def isnan(input: Variable) -> Any:
    """Whether the element is NaN."""
    return _apply("isnan", input)


def isinf(input: Variable) -> Any:
    """Whether the element is plus or minus infinity."""
    return _apply("isinf", input)


def isfinite(input: Variable) -> Any:
    """Whether the element is neither infinite nor NaN."""
    return _apply("isfinite", input)


def isclose(
    input: Variable,
    other: Variable,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:
    """``|input - other| <= atol + rtol |other|``.

    Raises
    ------
    RuntimeError
        If the dtypes differ.
    """
    if input.array.dtype != other.array.dtype:
        raise RuntimeError(f"{input.array.dtype} did not match {other.array.dtype}")
    a, b = operands(input, other)
    xp = backend_of(a.array).xp
    with np.errstate(all="ignore"):
        result = xp.isclose(known(a.array), known(b.array), rtol, atol, equal_nan)
    return Operation.result(xp.asarray(result))


def allclose(
    input: Variable,
    other: Variable,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> bool:
    """Whether `isclose` holds for all elements. On a GPU this waits for the device."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Variable, other: Variable) -> bool:
    """Whether both have one shape and the same elements. On a GPU this waits for the device."""
    if input.array.shape != other.array.shape:
        return False
    return bool(eq(input, other).array.all())


not_equal = ne
less, less_equal = lt, le
greater, greater_equal = gt, ge
