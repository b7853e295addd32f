"""Arithmetic of tensors and numbers."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Variable
from ..ops import arithmetic as _ops

__all__ = ["add", "mul"]

_add = Function(_ops.add_forward, _ops.add_backward)
_mul = Function(_ops.mul_forward, _ops.mul_backward)


def add(input: Variable, other: Any, *, alpha: float = 1) -> Any:
    """``input + alpha other``, with broadcasting."""
    if alpha != 1:
        other = mul(other, alpha)
    return _add(input, other)


def mul(input: Variable, other: Any) -> Any:
    """``input other``, element by element, with broadcasting."""
    return _mul(input, other)
