"""Pooling to an output of a given size."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"]


class _AdaptivePool(Module):
    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """As `AdaptiveAvgPool2d`, for inputs of shape (N, C, L) or (C, L)."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The averages of windows that cover the image, channel by channel.

    Parameters
    ----------
    output_size : int or tuple of 2 (int or None)
        How many windows there are along H and W; None for as many as the input has elements.

    The input has shape (N, C, H, W) or (C, H, W). ``AdaptiveAvgPool2d(1)`` is the average of the
    whole image.
    """

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """As `AdaptiveMaxPool2d`, for inputs of shape (N, C, L) or (C, L)."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of windows that cover the image, channel by channel.

    Parameters
    ----------
    output_size : int or tuple of 2 (int or None)
        How many windows there are along H and W; None for as many as the input has elements.
    return_indices : bool
        Also return where each maximum was. Default: False.

    The input has shape (N, C, H, W) or (C, H, W).
    """

    def forward(self, input: Any) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)
