"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable, mixes
from ..dtypes import FLOATING
from ..ops import softmax as _ops
from ._arguments import as_dim
from .conversion import cast
from .shape import reshape

__all__ = ["log_softmax", "softmax"]

_softmax = Operation(_ops.softmax_forward, _ops.softmax_backward)
_log_softmax = Operation(_ops.log_softmax_forward, _ops.log_softmax_backward)

_HALF = np.dtype("float16")


def softmax(input: Variable, dim: int | None, dtype: Any = None) -> Any:
    """``exp(x) / sum exp(x)`` along `dim`, without overflow.

    Parameters
    ----------
    input : Tensor
    dim : int
    dtype : optional
        To cast to before.

    Raises
    ------
    IndexError
        If there is no dimension `dim`.
    TypeError
        If `dim` is None: which dimension PyTorch then takes depends on their number.
    RuntimeError
        For integers and truth values without a `dtype`.
    """
    return _apply(_softmax, input, dim, dtype)


def log_softmax(input: Variable, dim: int | None, dtype: Any = None) -> Any:
    """``x - log sum exp(x)`` along `dim`; parameters and errors as of `softmax`."""
    return _apply(_log_softmax, input, dim, dtype)


def _apply(function: Operation, input: Variable, dim: int | None, dtype: Any) -> Any:
    if dim is None:
        raise TypeError(f"{function.name}: dim: expected a dimension, got None")
    if dtype is not None:
        input = cast(input, dtype)
    array = input.array
    axis = as_dim(dim, array.ndim)
    if array.dtype.kind not in FLOATING:
        raise RuntimeError(
            f"{function.name}: expected a floating-point tensor, got {array.dtype}; "
            "give dtype, or convert it with .float()"
        )
    if array.ndim == 0:
        return reshape(_apply(function, reshape(input, (1,)), 0, None), ())
    if array.dtype == _HALF and not mixes(array):  # the kernels compute in float32 and float64
        return cast(function(cast(input, "float32"), axis=axis), _HALF)
    return function(input, axis=axis)
