"""Radial basis functions as layers."""

from __future__ import annotations

import math
from typing import Any

from . import init
from .functional._windows import lengths_of
from .functional.rbf import rbf_conv2d
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["RBFConv2d"]


class RBFConv2d(Module):
    """The distance of every window of an image to every filter, in place of the inner product.

    ``Y[n, o, i, j] = exp(-gamma[o] ||x - W[o]||^2)`` for the window x at (i, j) of image n; see
    `functional.rbf_conv2d`. A filter is the pattern that it answers to with 1.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        O, the number of filters.
    kernel_size : int or tuple of 2 int
        KH, KW.
    stride, padding, dilation : int or tuple of 2 int
        As in `functional.conv2d`. Default: 1, 0, 1.
    gamma : float, optional
        To begin with. By default ``1 / (C KH KW)``: for pixels and filters of variance 1 the
        exponent is then about -2, where the gradient has not died.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter of shape (O, C, KH, KW)
        Drawn from ``N(0, 1)``, as pixels of mean 0 and variance 1 are.
    log_gamma : Parameter of shape (O,)
        The logarithm, so that gamma stays above 0.

    Raises
    ------
    ValueError
        If `gamma` is not more than 0.

    Input of shape (N, C, H, W) or (C, H, W) gives output of shape (N, O, OH, OW) or (O, OH, OW).

    Source: Broomhead and Lowe, Multivariable functional interpolation and adaptive networks, 1988.
    """

    weight: Parameter
    log_gamma: Parameter

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        gamma: float | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if gamma is not None and not gamma > 0:
            raise ValueError(f"RBFConv2d: gamma: expected more than 0, got {gamma}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = lengths_of(kernel_size, 2, "RBFConv2d: kernel_size")
        self.stride = lengths_of(stride, 2, "RBFConv2d: stride")
        self.padding = padding if isinstance(padding, str) else lengths_of(padding, 2, "padding")
        self.dilation = lengths_of(dilation, 2, "RBFConv2d: dilation")
        self.gamma = 1 / (in_channels * math.prod(self.kernel_size)) if gamma is None else gamma
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = empty_parameter(*shape, device=device, dtype=dtype)
        self.log_gamma = empty_parameter(out_channels, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the filters anew, and set gamma to what it was to begin with."""
        init.normal_(self.weight)
        init.constant_(self.log_gamma, math.log(self.gamma))

    def forward(self, input: Any) -> Any:
        gamma = self.log_gamma.exp()
        return rbf_conv2d(input, self.weight, gamma, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        )
