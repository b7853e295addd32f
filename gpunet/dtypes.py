"""The element types, under PyTorch's names. Each is a NumPy dtype and equals NumPy's own.

bfloat16, which NumPy lacks, is that of the package ml_dtypes, as CuPy, JAX and safetensors have it.
It is imported when it is first named.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

# `as_dtype` and `FLOATING`, for this package, are not among them.
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

#: What ``dtype.kind`` is for floating-point numbers: NumPy has no kind of its own for bfloat16.
FLOATING = "fV"

#: The limits of an integer dtype.
iinfo = np.iinfo

_default = float32


def __getattr__(name: str) -> Any:
    if name != "bfloat16":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import ml_dtypes

    from .autograd.casting import begin_bfloat16

    found = globals()["bfloat16"] = np.dtype(ml_dtypes.bfloat16)
    begin_bfloat16(found)
    return found


def finfo(dtype: Any) -> Any:
    """The limits of a floating-point dtype: ``eps``, ``max``, ``tiny``, ``bits`` and others."""
    if getattr(dtype, "char", "") != "E":
        return np.finfo(dtype)
    import ml_dtypes

    return ml_dtypes.finfo(dtype)


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
    if dtype.kind not in FLOATING:
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
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16_dtype()
    found = np.dtype(dtype)
    if not is_known(found):
        raise TypeError(f"dtype: tensors hold real numbers and truth values, not {found}")
    return found


def is_known(dtype: np.dtype) -> builtins.bool:
    """Whether tensors can have this dtype of an array."""
    return dtype.kind in "fiub" or (dtype.name == "bfloat16" and dtype == bfloat16_dtype())


def bfloat16_dtype() -> np.dtype:
    """`bfloat16`; from the first call on operations know it."""
    return globals().get("bfloat16") or __getattr__("bfloat16")
