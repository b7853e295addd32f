"""Convolution with a distance in place of the inner product."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...functions.shape import squeeze, unsqueeze
from ...ops.rbf import gaussian_backward, gaussian_forward
from ._filters import check_tensors
from .convolution import conv2d

__all__ = ["rbf_conv2d"]

_gaussian = Operation(gaussian_forward, gaussian_backward)


def rbf_conv2d(
    input: Any,
    weight: Any,
    gamma: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Any:
    """How near every window is to every filter, as a Gaussian radial basis function.

    ``Y[n, o, i, j] = exp(-gamma[o] ||x - W[o]||^2)`` for the window x at (i, j) of image n.

    It is 1 where the window equals the filter and falls to 0 with the distance, where a `conv2d`
    grows without bound with the window's brightness. The squared distance is computed as
    ``||x||^2 - 2 x W[o] + ||W[o]||^2`` by convolutions, and is never less than 0.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    weight : Tensor of shape (O, C, KH, KW)
        The centres.
    gamma : Tensor of shape (O,) or (), or float
        More than 0: ``1 / (2 sigma^2)`` for a Gaussian of width sigma.
    stride, padding, dilation
        As in `conv2d`; zeros of the padding are part of the window.

    Returns
    -------
    Tensor of shape (N, O, OH, OW) or (O, OH, OW)
        In channels-last memory.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        If the arguments do not fit.

    Source: Broomhead and Lowe, Multivariable functional interpolation and adaptive networks, 1988.
    """
    batched = check_tensors("rbf_conv2d", 2, input, weight, None)
    if isinstance(gamma, Variable):
        if gamma.array.shape not in ((), weight.array.shape[:1]):
            raise RuntimeError(
                f"rbf_conv2d: gamma: expected shape {weight.array.shape[:1]} or (), got "
                f"{gamma.array.shape}"
            )
        if gamma.array.dtype != weight.array.dtype:
            raise RuntimeError(
                f"rbf_conv2d: gamma: expected dtype {weight.array.dtype}, got {gamma.array.dtype}"
            )
    elif not isinstance(gamma, int | float):
        raise TypeError(
            f"rbf_conv2d: gamma: expected a Tensor or a float, got {type(gamma).__name__}"
        )
    elif not gamma > 0:
        raise ValueError(f"rbf_conv2d: gamma: expected more than 0, got {gamma}")
    if not batched:
        whole = unsqueeze(input, 0)
        return squeeze(rbf_conv2d(whole, weight, gamma, stride, padding, dilation), 0)
    # ||W||^2 - 2 x W for each filter; ||x||^2, which is the same for all.
    filters = weight * -2
    norms = (weight * weight).sum((1, 2, 3))
    parts = conv2d(input, filters, norms, stride, padding, dilation)
    ones = weight.detach()[:1, :1] * 0 + 1
    squares = conv2d((input * input).sum(1, True), ones, None, stride, padding, dilation)
    return _gaussian(parts, squares, gamma)
