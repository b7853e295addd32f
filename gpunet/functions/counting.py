"""Different elements, how often they come up, and where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from ..backend import backend_of
from ..dtypes import FLOATING, get_default_dtype
from ._arguments import as_dim
from .conversion import known

__all__ = [
    "bincount",
    "bucketize",
    "one_hot",
    "searchsorted",
    "unique",
]


def unique(
    input: Variable,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order. A GPU is waited for: they decide the shape.

    Parameters
    ----------
    input : Tensor
    sorted : bool
        Accepted for PyTorch's sake: the result is always in order.
    return_inverse : bool
        Also give, for each element, the index of its value in the result.
    return_counts : bool
        Also give how often each value comes up.
    dim : int, optional
        Different slices along this axis in place of elements.

    Returns
    -------
    Tensor or tuple of Tensor
        Without gradients.
    """
    array = known(input.array)
    backend = backend_of(array)
    axis = None if dim is None else as_dim(dim, array.ndim)
    values, inverse, counts = backend.xp.unique(
        array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = array.shape if axis is None else (array.shape[axis],)
    results = [Operation.result(values.astype(input.array.dtype, copy=False))]
    if return_inverse:
        results.append(Operation.result(inverse.reshape(shape).astype("int64", copy=False)))
    if return_counts:
        results.append(Operation.result(counts.astype("int64", copy=False)))
    return tuple(results) if len(results) > 1 else results[0]


def bincount(input: Variable, weights: Variable | None = None, minlength: int = 0) -> Any:
    """How often each of the integers 0, 1, ... comes up, or the sum of its `weights`.

    Parameters
    ----------
    input : Tensor of integers, shape (N,)
        The largest decides the shape of the result, so a GPU is waited for.
    weights : Tensor of shape (N,), optional
    minlength : int
        The result has at least this many entries.

    Raises
    ------
    RuntimeError
        If `input` is no vector of non-negative integers, or `weights` has another shape.
    """
    array = input.array
    xp = backend_of(array).xp
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and int(array.min()) < 0):
        raise RuntimeError(
            "bincount: input: expected a vector of non-negative integers, got shape "
            f"{list(array.shape)} of {array.dtype}"
        )
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if weights is None:
        if not array.size:
            return Operation.result(xp.zeros(minlength, "int64"))
        counts = xp.bincount(array, minlength=minlength)
        return Operation.result(counts.astype("int64", copy=False))
    if weights.array.shape != array.shape:
        raise RuntimeError(
            f"bincount: weights: expected shape {list(array.shape)}, as input, "
            f"got {list(weights.array.shape)}"
        )
    dtype = weights.array.dtype if weights.array.dtype == "float32" else np.dtype("float64")
    if not array.size:
        return Operation.result(xp.zeros(minlength, dtype))
    sums = xp.bincount(array, weights=weights.array.astype("float64"), minlength=minlength)
    return Operation.result(sums.astype(dtype, copy=False))


def one_hot(tensor: Variable, num_classes: int = -1) -> Any:
    """``out[..., c] = 1`` where ``tensor[...]`` is c, otherwise 0, as int64.

    Parameters
    ----------
    tensor : Tensor of integers
    num_classes : int
        The length of the new axis; -1 for the largest value plus 1, for which a GPU is waited for.

    Raises
    ------
    RuntimeError
        If a value is negative or not below `num_classes` (checked on the CPU).
    """
    array = tensor.array
    xp = backend_of(array).xp
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot: tensor: expected integers, got {array.dtype}")
    if num_classes == -1:
        if not array.size:
            raise RuntimeError("one_hot: num_classes cannot be inferred from an empty tensor")
        num_classes = int(array.max()) + 1
    elif num_classes < 1:
        raise RuntimeError(f"one_hot: num_classes: expected -1 or at least 1, got {num_classes}")
    if type(array) is np.ndarray and array.size:
        for value in (int(array.min()), int(array.max())):
            if not 0 <= value < num_classes:
                raise RuntimeError(
                    f"one_hot: class values must be from 0 to {num_classes - 1}, got {value}"
                )
    hot = array.reshape((*array.shape, 1)) == xp.arange(num_classes)
    return Operation.result(hot.astype("int64"))


def searchsorted(
    sorted_sequence: Variable,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
) -> Any:
    """Where each element would go into a sorted vector so that it stays sorted.

    Parameters
    ----------
    sorted_sequence : Tensor of shape (N,)
    input : Tensor or number
    out_int32 : bool
        Indices of int32 in place of int64.
    right : bool
        After equal elements in place of before them.
    side : {"left", "right"}, optional
        The same in words.

    Raises
    ------
    RuntimeError
        If `sorted_sequence` is no vector.
    """
    array = known(sorted_sequence.array)
    if array.ndim != 1:
        raise RuntimeError(
            f"searchsorted: sorted_sequence: expected a vector, got shape {list(array.shape)}"
        )
    if side not in (None, "left", "right"):
        raise RuntimeError(f'searchsorted: side: expected "left" or "right", got {side!r}')
    xp = backend_of(array).xp
    if isinstance(input, Variable):
        values = known(input.array)
    else:
        kind = array.dtype if array.dtype.kind in FLOATING else get_default_dtype()
        values = xp.full((), input, kind)
    side = side or ("right" if right else "left")
    places = xp.asarray(xp.searchsorted(array, values.reshape(-1), side=side))
    dtype = "int32" if out_int32 else "int64"
    return Operation.result(places.reshape(values.shape).astype(dtype, copy=False))


def bucketize(
    input: Any, boundaries: Variable, *, out_int32: bool = False, right: bool = False
) -> Any:
    """The number of the interval between `boundaries` in which each element lies."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
