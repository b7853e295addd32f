"""Which dtype a result has when its operands differ: PyTorch's rules.

There are three categories, bool < integers < floating point. The dtype comes from the tensors with
at least one axis; a tensor without axes counts only where its category is higher than theirs, and a
Python number only where its category is higher than that of all tensors::

    float32 tensor + float64 tensor           -> float64
    float32 tensor + float64 tensor, no axes  -> float32
    int64 tensor   + 0.5                      -> float32, the default dtype
    uint8 tensor   + 300                      -> uint8, and 300 wraps around to 44
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import backend_of
from ..dtypes import FLOATING, as_dtype, get_default_dtype
from .conversion import cast, transfer

__all__ = ["can_cast", "floating", "operands", "pair", "promote_types", "result_type"]

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}  # V: bfloat16
_NUMBERS = {bool: np.dtype("bool"), int: np.dtype("int64")}


def promote_types(type1: Any, type2: Any) -> np.dtype:
    """The smallest dtype that both can become: across categories, the one of the higher category.

    Unlike NumPy's rule, int64 and float16 give float16; float16 and bfloat16 give float32.
    """
    a, b = as_dtype(type1), as_dtype(type2)
    if _RANK[a.kind] == _RANK[b.kind]:
        if a.char + b.char in ("eE", "Ee"):
            return np.dtype("float32")
        return np.promote_types(a, b)
    return a if _RANK[a.kind] > _RANK[b.kind] else b


def can_cast(from_: Any, to: Any) -> bool:
    """Whether values of `from_` may be stored as `to`: not where the category would fall."""
    from_, to = as_dtype(from_), as_dtype(to)
    return _RANK[from_.kind] <= _RANK[to.kind]


def result_type(*operands: Any) -> np.dtype:
    """The dtype of an operation on these tensors and numbers.

    Raises
    ------
    TypeError
        If one is neither a tensor nor a number.
    """
    # By order of precedence: tensors with axes, tensors without, numbers.
    found: list[np.dtype | None] = [None, None, None]
    for x in operands:
        if isinstance(x, Variable):
            level, dtype = (0 if x.array.ndim else 1), x.array.dtype
        elif isinstance(x, float):
            level, dtype = 2, get_default_dtype()
        elif isinstance(x, int):
            level, dtype = 2, _NUMBERS[bool if isinstance(x, bool) else int]
        else:
            raise _unsuitable(x)
        so_far = found[level]
        found[level] = dtype if so_far is None else promote_types(so_far, dtype)
    result = None
    for dtype in found:
        if dtype is None:
            continue
        if result is None or _RANK[dtype.kind] > _RANK[result.kind]:
            result = dtype
    if result is None:
        raise TypeError("result_type: expected at least one operand")
    return result


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as an elementwise operation takes them: tensors of one dtype and device.

    A Python number stays one, where that is at most of the category of the tensor.

    Raises
    ------
    TypeError
        If one is neither a tensor nor a number, or if neither is a tensor.
    """
    if isinstance(a, Variable):
        x = a.array
        if isinstance(b, Variable):
            y = b.array
            if x.dtype is y.dtype and type(x) is type(y):
                return a, b
        elif x.dtype.kind in FLOATING and (type(b) is float or type(b) is int):
            return a, b
    a, b = operands(a, b)
    return a, b


def operands(*xs: Any, dtype: Any = None) -> list[Any]:
    """`xs`, tensors and numbers, with the tensors cast to their common dtype, or to `dtype`.

    NumPy arrays and scalars count as tensors and numbers. A tensor without axes on the CPU may
    meet tensors on a GPU and is moved there.
    """
    found: list[Any] = [x if isinstance(x, Variable | float | int) else _converted(x) for x in xs]
    tensors = [x for x in found if isinstance(x, Variable)]
    if not tensors:
        raise TypeError(f"expected a tensor among the operands, got {', '.join(map(repr, xs))}")
    dtype = result_type(*found) if dtype is None else dtype
    device = None
    for x in tensors:
        backend = backend_of(x.array)
        if backend.name != "cpu":
            device = backend.device_of(x.array)
    for i, x in enumerate(found):
        if isinstance(x, Variable):
            x = cast(x, dtype)
            found[i] = transfer(x, device) if device is not None and x.array.ndim == 0 else x
        elif dtype.kind in "iu" and type(x) is int:
            found[i] = _wrapped(x, dtype)
        elif dtype.kind in FLOATING and type(x) is not float:
            found[i] = float(x)
    return found


def floating(x: Variable) -> Any:
    """`x` itself, or as the default dtype if it holds integers or truth values."""
    return x if x.array.dtype.kind in FLOATING else cast(x, get_default_dtype())


def _converted(x: Any) -> Any:
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        return Variable(x) if x.ndim else x.item()
    try:
        backend_of(x)
    except TypeError:
        raise _unsuitable(x) from None
    return Variable(x)


def _wrapped(x: int, dtype: np.dtype) -> int:
    """`x` modulo the range of `dtype`."""
    info = np.iinfo(dtype)
    if info.min <= x <= info.max:
        return x
    return (x - int(info.min)) % (1 << info.bits) + int(info.min)


def _unsuitable(x: Any) -> TypeError:
    return TypeError(f"unsupported operand: expected a tensor or a number, got {type(x).__name__}")
