"""Reductions of tensors along dimensions, and cumulative sums and products.

``dim`` is None for all dimensions, a number or a tuple of numbers, which may be negative;
``keepdim`` leaves them in the result with length 1.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import FLOATING, as_dtype
from ..ops import reduction as _ops
from ..ops import vector_norm as _norm_ops
from ._arguments import as_dim, as_dims
from .conversion import cast, known
from .promotion import floating

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "mean",
    "norm",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

_sum = Operation(_ops.sum_forward, _ops.sum_backward)
_mean = Operation(_ops.mean_forward, _ops.mean_backward)
_prod = Operation(_ops.prod_forward, _ops.prod_backward)
_var = Operation(_ops.var_forward, _ops.var_backward)
_std = Operation(_ops.std_forward, _ops.std_backward)
_logsumexp = Operation(_ops.logsumexp_forward, _ops.logsumexp_backward)
_cumsum = Operation(_ops.cumsum_forward, _ops.cumsum_backward)
_cumprod = Operation(_ops.cumprod_forward, _ops.cumprod_backward)
_norm = Operation(_norm_ops.norm_forward, _norm_ops.norm_backward)

_INT64 = np.dtype("int64")


def axis_of(dim: Any, ndim: int) -> Any:
    """`dim` as the array functions take it: None, a number or a tuple, not negative."""
    if dim is None:
        return None
    if type(dim) is int:
        dim = as_dim(dim, ndim)
        return dim if ndim else None
    axes = as_dims(dim, ndim)
    return axes if axes and ndim else None  # no dimensions mean all


def _floating(input: Variable, dtype: Any, name: str) -> Any:
    """`input` as `dtype`; without one it must be of floating point."""
    if dtype is not None:
        input = cast(input, dtype)
    if input.array.dtype.kind not in FLOATING:
        raise RuntimeError(
            f"{name}: expected a floating-point tensor, got {input.array.dtype}; "
            "convert it, for instance with .float()"
        )
    return input


def untaped(result: Any, backend: Any) -> Any:
    """A tensor around the result of a reduction, without a gradient."""
    if type(result) is not backend.array_type:  # NumPy's reductions give scalars
        result = backend.xp.asarray(result)
    return Operation.result(result)


def refuse_empty(name: str, array: Any, axis: Any) -> None:
    """Raise for a reduction over no elements that has no value for them."""
    if array.size:
        return
    if axis is None:
        raise RuntimeError(f"{name}: expected a reduction dim for a tensor of no elements")
    for i in axis if type(axis) is tuple else (axis,):
        if array.shape[i] == 0:
            raise IndexError(f"{name}: expected reduction dim {i} to have non-zero size")


# --- sums, means, products ----------------------------------------------------------------------


def sum(input: Variable, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum. Integers and truth values give int64, unless `dtype` says otherwise."""
    if dtype is not None:
        input = cast(input, dtype)
    array = input.array
    axis = None if dim is None else axis_of(dim, array.ndim)
    if array.dtype.kind in FLOATING:
        return _sum(input, axis=axis, keepdims=keepdim)
    total = array.sum(axis=axis, keepdims=keepdim, dtype=_INT64 if dtype is None else array.dtype)
    return untaped(total, backend_of(array))


def mean(input: Variable, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The arithmetic mean; NaN for no elements.

    Raises
    ------
    RuntimeError
        For integers and truth values without a `dtype`.
    """
    input = _floating(input, dtype, "mean")
    return _mean(input, axis=axis_of(dim, input.array.ndim), keepdims=keepdim)


def prod(
    input: Variable, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The product. Integers and truth values give int64, unless `dtype` says otherwise."""
    if dtype is not None:
        input = cast(input, dtype)
    array = input.array
    axis = None if dim is None else axis_of(int(dim), array.ndim)
    if array.dtype.kind in FLOATING:
        return _prod(input, axis=axis, keepdims=keepdim)
    result = array.prod(axis=axis, keepdims=keepdim, dtype=_INT64 if dtype is None else array.dtype)
    return untaped(result, backend_of(array))


def var(
    input: Variable,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """The variance, ``sum of (x - mean)^2 / (n - correction)``.

    Parameters
    ----------
    input : Tensor
    dim : int, tuple of int, optional
    unbiased : bool
        False stands for a correction of 0.
    keepdim : bool
    correction : float
        Default: 1.

    Raises
    ------
    RuntimeError
        For integers and truth values.
    """
    input = _floating(input, None, "var")
    return _var(input, **_spread_options(input, dim, unbiased, keepdim, correction))


def std(
    input: Variable,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """The standard deviation, the root of `var`. Its gradient at 0 is 0."""
    input = _floating(input, None, "std")
    return _std(input, **_spread_options(input, dim, unbiased, keepdim, correction))


def var_mean(input: Variable, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """`var` and `mean`."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def std_mean(input: Variable, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """`std` and `mean`."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def _spread_options(
    input: Variable, dim: Any, unbiased: bool, keepdim: bool, correction: float | None
) -> dict[str, Any]:
    if isinstance(dim, bool):  # var(False) is var(unbiased=False)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    axis = axis_of(dim, input.array.ndim)
    return {"axis": axis, "keepdims": keepdim, "correction": correction}


# --- truth and counting -------------------------------------------------------------------------


def all(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements are nonzero."""
    return _truth("all", input, dim, keepdim)


def any(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether an element is nonzero."""
    return _truth("any", input, dim, keepdim)


def _truth(name: str, input: Variable, dim: Any, keepdim: bool) -> Any:
    array = known(input.array)
    result = getattr(array, name)(axis=axis_of(dim, array.ndim), keepdims=keepdim)
    if array.dtype == np.uint8:  # PyTorch's truth values of old
        result = result.astype(np.uint8)
    return untaped(result, backend_of(array))


def count_nonzero(input: Variable, dim: Any = None) -> Any:
    """How many elements are not zero."""
    array = known(input.array)
    count = (array != 0).sum(axis=axis_of(dim, array.ndim), dtype=_INT64)
    return untaped(count, backend_of(array))


# --- norms, log-sum-exp -------------------------------------------------------------------------


def norm(
    input: Variable, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """``(sum |x|^p)^(1/p)`` over all elements or along `dim`.

    Parameters
    ----------
    input : Tensor
    p : float or "fro"
        "fro" is 2; ``float("inf")`` the largest ``|x|``; 0 the number of nonzero elements.
    dim : int, tuple of int, optional
    keepdim : bool
    dtype : optional
        To cast to before.

    Raises
    ------
    ValueError
        For another `p`.
    RuntimeError
        For integers and truth values without a `dtype`.
    """
    input = _floating(input, dtype, "norm")
    if p == "fro" or p is None:
        p = 2
    if isinstance(p, str):
        raise ValueError(f'p: expected a number or "fro", got {p!r}')
    axis = axis_of(dim, input.array.ndim)
    if builtins.abs(p) == math.inf:
        refuse_empty("norm", input.array, axis)
    return _norm(input, p=p, axis=axis, keepdims=keepdim)


def logsumexp(input: Variable, dim: Any, keepdim: bool = False) -> Any:
    """``log(sum e^x)`` along `dim`, without overflow."""
    input = floating(input)
    return _logsumexp(input, axis=axis_of(dim, input.array.ndim), keepdims=keepdim)


# --- cumulative ---------------------------------------------------------------------------------


def cumsum(input: Variable, dim: int, *, dtype: Any = None) -> Any:
    """The sums of the elements up to each one, along `dim`."""
    return _cumulative(_cumsum, "cumsum", input, dim, dtype)


def cumprod(input: Variable, dim: int, *, dtype: Any = None) -> Any:
    """The products of the elements up to each one, along `dim`."""
    return _cumulative(_cumprod, "cumprod", input, dim, dtype)


def _cumulative(function: Operation, name: str, input: Variable, dim: int, dtype: Any) -> Any:
    axis = as_dim(dim, input.array.ndim)
    kind = input.array.dtype.kind
    if dtype is not None:
        input = cast(input, as_dtype(dtype))
    elif kind not in FLOATING:
        input = cast(input, _INT64)
    array = input.array
    if array.ndim == 0:
        return input
    if array.dtype.kind in FLOATING:
        return function(input, axis=axis)
    xp = backend_of(array).xp
    return Operation.result(getattr(xp, name)(array, axis=axis, dtype=array.dtype))
