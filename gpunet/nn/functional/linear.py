"""Linear and bilinear maps."""

from __future__ import annotations

import math
from typing import Any

from ...autograd import Operation, Variable, mixes
from ...functions.shape import reshape, squeeze, unsqueeze
from ...ops.bilinear import bilinear_backward, bilinear_forward
from ...ops.linear import linear_backward, linear_forward

__all__ = ["bilinear", "linear", "linear_act"]

_linear = Operation(linear_forward, linear_backward, into=True)
_bilinear = Operation(bilinear_forward, bilinear_backward)


def linear(input: Variable, weight: Variable, bias: Variable | None = None) -> Any:
    """``Y = X W^T + b``.

    Parameters
    ----------
    input : Tensor of shape (..., K)
    weight : Tensor of shape (N, K) or (K,)
    bias : Tensor of shape (N,) or (), optional

    Returns
    -------
    Tensor of shape (..., N) or (...)

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the dtypes differ.
    """
    return linear_act(input, weight, bias, "identity")


def linear_act(input: Variable, weight: Variable, bias: Variable | None, activation: str) -> Any:
    """``act(X W^T + b)`` in one operation; see `linear`.

    `activation` is "identity", "relu", "sigmoid" or "tanh".
    """
    try:
        X = input.array
        W = weight.array
        fits = X.shape[-1:] == W.shape[1:] and (X.dtype is W.dtype or X.dtype == W.dtype)
        if bias is not None and fits:
            b = bias.array
            fits = b.shape == W.shape[:1] and (b.dtype is W.dtype or b.dtype == W.dtype)
    except AttributeError:
        fits = False
    if fits:
        return _linear(input, weight, bias, activation=activation)
    _check(input, weight, bias)
    if weight.array.ndim == 2:  # of different types, which autocast makes one
        return _linear(input, weight, bias, activation=activation)
    # What remains is a weight of one axis: a scalar product.
    bias = None if bias is None else reshape(bias, (1,))
    return squeeze(linear_act(input, unsqueeze(weight, 0), bias, activation), -1)


def bilinear(input1: Variable, input2: Variable, weight: Variable, bias: Any = None) -> Any:
    """``y_n = x1^T W_n x2 + b_n``.

    Parameters
    ----------
    input1 : Tensor of shape (..., K)
    input2 : Tensor of shape (..., J)
    weight : Tensor of shape (N, K, J)
    bias : Tensor of shape (N,), optional

    Returns
    -------
    Tensor of shape (..., N)

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the dtypes differ.
    """
    _check_tensors("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    X1, X2, W = input1.array, input2.array, weight.array
    if W.ndim != 3:
        raise RuntimeError(f"bilinear: weight must have shape (N, K, J), got {W.shape}")
    N, K, J = W.shape
    if X1.shape[:-1] != X2.shape[:-1] or X1.shape[-1:] != (K,) or X2.shape[-1:] != (J,):
        raise RuntimeError(
            f"bilinear: input1 of shape {X1.shape} and input2 of shape {X2.shape} do not fit a "
            f"weight of shape {W.shape}: expected (..., {K}) and (..., {J}) with the same axes "
            "before the last"
        )
    if bias is not None and bias.array.shape != (N,):
        raise RuntimeError(f"bilinear: expected a bias of shape ({N},), got {bias.array.shape}")
    if X1.ndim == 2:
        return _bilinear(input1, input2, weight, bias)
    rows = math.prod(X1.shape[:-1])
    flat1, flat2 = reshape(input1, (rows, K)), reshape(input2, (rows, J))
    return reshape(_bilinear(flat1, flat2, weight, bias), (*X1.shape[:-1], N))


def _check_tensors(name: str, **arguments: Any) -> None:
    """Tensors, all of one dtype."""
    dtypes = {}
    for key, value in arguments.items():
        if value is None and key == "bias":
            continue
        if not isinstance(value, Variable):
            raise TypeError(
                f"{name}(): argument '{key}' must be a gpunet.Tensor, not {type(value).__name__}"
            )
        dtypes[key] = value.array.dtype
    if len(set(dtypes.values())) > 1 and not mixes(
        *[x.array for x in arguments.values() if x is not None]
    ):
        found = ", ".join(f"{key} has {dtype}" for key, dtype in dtypes.items())
        raise RuntimeError(f"{name}: all arguments must have the same dtype, but {found}")


def _check(input: Any, weight: Any, bias: Any) -> None:
    """Say what is wrong with the arguments of `linear`; return if nothing is."""
    _check_tensors("linear", input=input, weight=weight, bias=bias)
    X, W = input.array, weight.array
    if X.ndim == 0 or W.ndim not in (1, 2):
        raise RuntimeError(
            "linear: input must have at least one axis and weight one or two, but their shapes are "
            f"{X.shape} and {W.shape}"
        )
    K = W.shape[-1]
    if X.shape[-1] != K:
        rows = X.size // X.shape[-1] if X.shape[-1] else 0
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{X.shape[-1]} and "
            f"{'x'.join(map(str, W.shape[::-1]))}): linear got an input of shape {X.shape}, but "
            f"its weight of shape {W.shape} takes {K} features"
        )
    if bias is not None and bias.array.shape != W.shape[:-1]:
        raise RuntimeError(
            f"linear: expected a bias of shape {W.shape[:-1]} for a weight of shape {W.shape}, got "
            f"{bias.array.shape}"
        )
