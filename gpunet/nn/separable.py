"""The depthwise-separable convolution: windows and channels one after the other."""

from __future__ import annotations

from typing import Any

from .convolution import Conv2d
from .module import Module

__all__ = ["SeparableConv2d"]


class SeparableConv2d(Module):
    """A convolution of each channel by itself, then one of 1x1 that mixes the channels.

    ``Y = pointwise(depthwise(X))``, with ``C KH KW + C O`` weights in place of a `Conv2d`'s
    ``C KH KW O``.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        O.
    kernel_size : int or tuple of 2 int
        KH, KW.
    stride, padding, dilation : int or tuple of 2 int
        Of the depthwise convolution, as in `functional.conv2d`. Default: 1, 0, 1.
    depth_multiplier : int
        Filters for each channel of the depthwise convolution. Default: 1.
    bias : bool
        Whether there is one, at the end; before it, it would be one with that. Default: True.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        As in `Conv2d`.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    depthwise, pointwise : Conv2d
        With weights of shape (C depth_multiplier, 1, KH, KW) and (O, C depth_multiplier, 1, 1).

    Raises
    ------
    ValueError
        As for `Conv2d`.

    Input of shape (N, C, H, W) or (C, H, W) gives output of shape (N, O, OH, OW) or (O, OH, OW).

    Source: Chollet, Xception: deep learning with depthwise separable convolutions, 2017.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if depth_multiplier <= 0:
            raise ValueError(f"depth_multiplier must be a positive integer, got {depth_multiplier}")
        inner = in_channels * depth_multiplier
        self.depthwise = Conv2d(
            in_channels, inner, kernel_size, stride, padding, dilation, in_channels, False,
            padding_mode, device, dtype,
        )  # fmt: skip
        self.pointwise = Conv2d(inner, out_channels, 1, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Any) -> Any:
        return self.pointwise(self.depthwise(input))
