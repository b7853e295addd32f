"""The element types, under PyTorch's names. Each is a NumPy dtype and equals NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np

# `as_dtype`, for the functions of this package, is not among them.
__all__ = [
    "bool",
    "double",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "set_default_dtype",
    "short",
    "uint8",
]

float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int = np.dtype("int32")
int64 = long = np.dtype("int64")
bool = np.dtype("bool")

#: The limits of a floating-point and of an integer dtype.
finfo, iinfo = np.finfo, np.iinfo

_default = float32


def get_default_dtype() -> np.dtype:
    """The dtype of Python floats that become tensors: float32 until it is changed."""
    return _default


def set_default_dtype(d: Any) -> None:
    """Make `d`, a floating-point dtype, the one of Python floats that become tensors.

    Raises
    ------
    TypeError
        If `d` is not a floating-point dtype.
    """
    global _default
    dtype = as_dtype(d)
    if dtype.kind != "f":
        raise TypeError(f"d: only floating-point types can be the default dtype, not {dtype}")
    _default = dtype


def as_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype that `dtype` names: a dtype, a NumPy scalar type, or Python's own types.

    Raises
    ------
    TypeError
        If it names none, or one that no tensor can have (complex numbers, text, objects).
    """
    if dtype is None:  # NumPy would take it for float64
        raise TypeError("dtype: expected a dtype, got None")
    found = np.dtype(dtype)
    if found.kind not in "fiub":
        raise TypeError(f"dtype: tensors hold real numbers and truth values, not {found}")
    return found
