"""Normalisation of samples: layer, RMS and group norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd import Operation, Variable, mixes
from ...backend import backend_of
from ...dtypes import finfo
from ...errors import DeviceError
from ...ops import norm as _ops
from ...ops.group_norm import group_norm_backward, group_norm_forward

__all__ = ["group_norm", "layer_norm", "rms_norm"]

_layer_norm = Operation(_ops.layer_norm_forward, _ops.layer_norm_backward, into=True)
_rms_norm = Operation(_ops.rms_norm_forward, _ops.rms_norm_backward, into=True)
_group_norm = Operation(group_norm_forward, group_norm_backward, into=True)


def layer_norm(
    input: Variable,
    normalized_shape: Sequence[int],
    weight: Variable | None = None,
    bias: Variable | None = None,
    eps: float = 1e-5,
) -> Any:
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over the last axes.

    Parameters
    ----------
    input : Tensor of shape (..., *S)
    normalized_shape : sequence of int
        S, the lengths of the axes over which mean and (biased) variance are taken.
    weight, bias : Tensor of shape S, optional
    eps : float

    Raises
    ------
    RuntimeError, TypeError
        If shapes or dtypes do not fit.
    """
    shape = tuple(normalized_shape)
    try:
        X = input.array
        fits = X.shape[-len(shape) :] == shape and shape and X.dtype.char in "fd" and X.size
        if fits and weight is not None:
            fits = weight.array.shape == shape and weight.array.dtype == X.dtype
        if fits and bias is not None:
            fits = bias.array.shape == shape and bias.array.dtype == X.dtype
    except AttributeError:
        fits = False
    if not fits:
        _check_rows("layer_norm", input, shape, weight, bias)
    return _layer_norm(input, weight, bias, axes=len(shape), eps=float(eps))


def rms_norm(
    input: Variable,
    normalized_shape: Sequence[int],
    weight: Variable | None = None,
    eps: float | None = None,
) -> Any:
    """``Y = X / sqrt(mean(X^2) + eps) weight``, with the mean over the last axes.

    Parameters
    ----------
    input : Tensor of shape (..., *S)
    normalized_shape : sequence of int
        S.
    weight : Tensor of shape S, optional
    eps : float, optional
        The dtype's machine epsilon by default.

    Raises
    ------
    RuntimeError, TypeError
        If shapes or dtypes do not fit.
    """
    shape = tuple(normalized_shape)
    _check_rows("rms_norm", input, shape, weight, None)
    if eps is None:
        eps = float(finfo(input.array.dtype).eps)
    return _rms_norm(input, weight, axes=len(shape), eps=float(eps))


def group_norm(
    input: Variable,
    num_groups: int,
    weight: Variable | None = None,
    bias: Variable | None = None,
    eps: float = 1e-5,
) -> Any:
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over each group of channels
    of each sample.

    Parameters
    ----------
    input : Tensor of shape (N, C, ...)
    num_groups : int
        Divides C.
    weight, bias : Tensor of shape (C,), optional
    eps : float

    Raises
    ------
    ValueError
        If a group has a single value in a batch of one.
    RuntimeError, TypeError
        If shapes or dtypes do not fit.
    """
    check_floating("group_norm", input)
    X = input.array
    if X.ndim < 2:
        raise RuntimeError(
            f"group_norm: expected an input of shape (N, C, ...) with at least 2 dimensions, "
            f"got {X.shape}"
        )
    if num_groups <= 0:
        raise RuntimeError(f"group_norm: expected num_groups greater than 0, got {num_groups}")
    C = X.shape[1]
    if C % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(X.shape)} and num_groups={num_groups}"
        )
    if X.size == num_groups:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(X.shape)}"
        )
    check_not_empty("group_norm", X)
    check_vectors("group_norm", input, C, weight=weight, bias=bias)
    return _group_norm(input, weight, bias, groups=num_groups, eps=float(eps))


def check_floating(name: str, input: Any) -> None:
    if not isinstance(input, Variable):
        raise TypeError(f"{name}: input must be a Tensor, not {type(input).__name__}")
    if input.array.dtype.char not in "fd" and not mixes(input.array):
        raise RuntimeError(
            f"{name}: input must have dtype float32 or float64, got {input.array.dtype}"
        )


def check_not_empty(name: str, X: Any) -> None:
    if X.size == 0:
        raise ValueError(f"{name}: the statistics of no values are undefined: input {X.shape}")


def check_vectors(name: str, input: Variable, C: int, **vectors: Any) -> None:
    """One value for each channel, of the input's dtype and on its device."""
    X = input.array
    for key, vector in vectors.items():
        if vector is None:
            continue
        array = vector.array
        if array.shape != (C,):
            raise RuntimeError(
                f"{name}: {key} should contain {C} elements, one for each channel of the input of "
                f"shape {X.shape}, not {array.size if array.ndim == 1 else array.shape}"
            )
        if array.dtype != X.dtype and not mixes(array, X):
            raise RuntimeError(
                f"{name}: all inputs must share the same dtype, but input has {X.dtype} and {key} "
                f"{array.dtype}"
            )
        if type(array) is not type(X):
            raise DeviceError(
                f"{name}: all tensors must be on one device, but input is on "
                f"{backend_of(X).device_of(X)} and {key} on {backend_of(array).device_of(array)}"
            )


def _check_rows(name: str, input: Any, shape: tuple[int, ...], weight: Any, bias: Any) -> None:
    check_floating(name, input)
    X = input.array
    if not shape:
        raise RuntimeError(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, but got ()"
        )
    if X.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"{name}: Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size {list(X.shape)}"
        )
    for key, x in (("weight", weight), ("bias", bias)):
        if x is not None and x.array.shape != shape:
            raise RuntimeError(
                f"{name}: Expected {key} to be of same shape as normalized_shape, but got {key} of "
                f"shape {list(x.array.shape)} and normalized_shape={list(shape)}"
            )
        if x is not None and x.array.dtype != X.dtype and not mixes(x.array, X):
            raise RuntimeError(
                f"{name}: all inputs must share the same dtype, but input has {X.dtype} and {key} "
                f"{x.array.dtype}"
            )
    check_not_empty(name, X)
