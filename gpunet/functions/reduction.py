"""Reductions of tensors along dimensions, and cumulative sums and products.

``dim`` is None for all dimensions, a number or a tuple of numbers, which may be negative;
``keepdim`` leaves them in the result with length 1.
"""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import as_dtype
from ..ops import reduction as _ops
from ..ops import vector_norm as _norm_ops
from ._arguments import as_dim, as_dims
from .arithmetic import maximum, minimum
from .conversion import cast, clone
from .promotion import floating

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
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
_amax = Operation(_ops.amax_forward, _ops.amax_backward)
_amin = Operation(_ops.amin_forward, _ops.amin_backward)
_pick = Operation(_ops.pick_forward, _ops.pick_backward)
_logsumexp = Operation(_ops.logsumexp_forward, _ops.logsumexp_backward)
_cumsum = Operation(_ops.cumsum_forward, _ops.cumsum_backward)
_cumprod = Operation(_ops.cumprod_forward, _ops.cumprod_backward)
_norm = Operation(_norm_ops.norm_forward, _norm_ops.norm_backward)

_INT64 = np.dtype("int64")


class _Found(NamedTuple):
    """Elements and where they were."""

    values: Any
    indices: Any


_Max = type("max", (_Found,), {})
_Min = type("min", (_Found,), {})
_Median = type("median", (_Found,), {})


def _axis(dim: Any, ndim: int) -> Any:
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
    if input.array.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: expected a floating-point tensor, got {input.array.dtype}; "
            "convert it, for instance with .float()"
        )
    return input


def _untaped(result: Any, backend: Any) -> Any:
    if type(result) is not backend.array_type:  # NumPy's reductions give scalars
        result = backend.xp.asarray(result)
    return Operation.result(result)


def _refuse_empty(name: str, array: Any, axis: Any) -> None:
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
    axis = None if dim is None else _axis(dim, array.ndim)
    if array.dtype.kind == "f":
        return _sum(input, axis=axis, keepdims=keepdim)
    total = array.sum(axis=axis, keepdims=keepdim, dtype=_INT64 if dtype is None else array.dtype)
    return _untaped(total, backend_of(array))


def mean(input: Variable, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The arithmetic mean; NaN for no elements.

    Raises
    ------
    RuntimeError
        For integers and truth values without a `dtype`.
    """
    input = _floating(input, dtype, "mean")
    return _mean(input, axis=_axis(dim, input.array.ndim), keepdims=keepdim)


def prod(
    input: Variable, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The product. Integers and truth values give int64, unless `dtype` says otherwise."""
    if dtype is not None:
        input = cast(input, dtype)
    array = input.array
    axis = None if dim is None else _axis(int(dim), array.ndim)
    if array.dtype.kind == "f":
        return _prod(input, axis=axis, keepdims=keepdim)
    result = array.prod(axis=axis, keepdims=keepdim, dtype=_INT64 if dtype is None else array.dtype)
    return _untaped(result, backend_of(array))


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
    axis = _axis(dim, input.array.ndim)
    return {"axis": axis, "keepdims": keepdim, "correction": correction}


# --- extremes -----------------------------------------------------------------------------------


def amax(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element. Elements that tie for it share the gradient equally."""
    axis = _axis(dim, input.array.ndim)
    _refuse_empty("amax", input.array, axis)
    return _amax(input, axis=axis, keepdims=keepdim)


def amin(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element. Elements that tie for it share the gradient equally."""
    axis = _axis(dim, input.array.ndim)
    _refuse_empty("amin", input.array, axis)
    return _amin(input, axis=axis, keepdims=keepdim)


def max(input: Variable, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; with `dim` also where it is; with another tensor as `maximum`.

    Parameters
    ----------
    input : Tensor
    dim : int or Tensor, optional
        One dimension, or the tensor to compare with.
    keepdim : bool
    other : Tensor, optional
        The tensor to compare with, by name.

    Returns
    -------
    Tensor, or a named tuple (values, indices) where `dim` is a number
        The gradient goes to the one element that `indices` names, the first of those that tie;
        without `dim` those share it.
    """
    if isinstance(dim, Variable) or other is not None:
        return maximum(input, dim if other is None else other)
    if dim is None:
        _refuse_empty("max", input.array, None)
        return _amax(input, axis=None, keepdims=False)
    indices = argmax(input, dim, True)
    return _Max(*_picked(input, indices.array, dim, keepdim))


def min(input: Variable, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; with `dim` also where it is; with another tensor as `minimum`.

    Parameters and result are those of `max`.
    """
    if isinstance(dim, Variable) or other is not None:
        return minimum(input, dim if other is None else other)
    if dim is None:
        _refuse_empty("min", input.array, None)
        return _amin(input, axis=None, keepdims=False)
    indices = argmin(input, dim, True)
    return _Min(*_picked(input, indices.array, dim, keepdim))


def median(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """The element in the middle of the order, the lower one of two; NaN where there is a NaN.

    With `dim` a named tuple (values, indices).
    """
    array = input.array
    backend = backend_of(array)
    if dim is None:
        if not array.size:
            return _untaped(array.sum() + math.nan, backend)
        return _pick(input, _middle(backend.xp, array.reshape(-1), 0), axis=None, keepdims=False)
    axis = as_dim(dim, array.ndim)
    _refuse_empty("median", array, axis)
    if array.ndim == 0:
        return _Median(*_picked(input, backend.zeros((), _INT64), dim, keepdim))
    return _Median(*_picked(input, _middle(backend.xp, array, axis), dim, keepdim))


def _middle(xp: Any, array: Any, axis: int) -> Any:
    """The position of the median along `axis`, which stays with length 1."""
    n = array.shape[axis]
    order = xp.argsort(array, axis=axis)
    last = xp.take(order, xp.asarray([n - 1]), axis=axis)
    middle = xp.take(order, xp.asarray([(n - 1) // 2]), axis=axis)
    if array.dtype.kind == "f":  # a NaN comes last in the order
        middle = xp.where(xp.isnan(xp.take_along_axis(array, last, axis)), last, middle)
    return middle


def _picked(input: Variable, indices: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """The elements at `indices`, which have length 1 along `dim`, and the indices."""
    array = input.array
    if array.ndim == 0:
        return clone(input), Operation.result(indices)
    axis = as_dim(dim, array.ndim)
    values = _pick(input, indices, axis=axis, keepdims=keepdim)
    return values, Operation.result(indices if keepdim else indices.squeeze(axis))


def argmax(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the first largest element is; without `dim`, in the flattened tensor."""
    return _arg("argmax", input, dim, keepdim)


def argmin(input: Variable, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the first smallest element is; without `dim`, in the flattened tensor."""
    return _arg("argmin", input, dim, keepdim)


def _arg(name: str, input: Variable, dim: int | None, keepdim: bool) -> Any:
    array = input.array
    backend = backend_of(array)
    axis = None if dim is None else _axis(int(dim), array.ndim)
    _refuse_empty(name, array, axis)
    indices = getattr(backend.xp, name)(array, axis=axis, keepdims=keepdim)
    return _untaped(indices, backend)


# --- truth and counting -------------------------------------------------------------------------


def all(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements are nonzero."""
    return _truth("all", input, dim, keepdim)


def any(input: Variable, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether an element is nonzero."""
    return _truth("any", input, dim, keepdim)


def _truth(name: str, input: Variable, dim: Any, keepdim: bool) -> Any:
    array = input.array
    result = getattr(array, name)(axis=_axis(dim, array.ndim), keepdims=keepdim)
    if array.dtype == np.uint8:  # PyTorch's truth values of old
        result = result.astype(np.uint8)
    return _untaped(result, backend_of(array))


def count_nonzero(input: Variable, dim: Any = None) -> Any:
    """How many elements are not zero."""
    array = input.array
    count = (array != 0).sum(axis=_axis(dim, array.ndim), dtype=_INT64)
    return _untaped(count, backend_of(array))


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
    axis = _axis(dim, input.array.ndim)
    if builtins.abs(p) == math.inf:
        _refuse_empty("norm", input.array, axis)
    return _norm(input, p=p, axis=axis, keepdims=keepdim)


def logsumexp(input: Variable, dim: Any, keepdim: bool = False) -> Any:
    """``log(sum e^x)`` along `dim`, without overflow."""
    input = floating(input)
    return _logsumexp(input, axis=_axis(dim, input.array.ndim), keepdims=keepdim)


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
    elif kind != "f":
        input = cast(input, _INT64)
    array = input.array
    if array.ndim == 0:
        return input
    if array.dtype.kind == "f":
        return function(input, axis=axis)
    xp = backend_of(array).xp
    return Operation.result(getattr(xp, name)(array, axis=axis, dtype=array.dtype))
