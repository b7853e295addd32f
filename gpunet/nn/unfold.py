"""Layers that take images apart into windows and put them together."""

from __future__ import annotations

from typing import Any

from .functional.unfold import fold, unfold
from .module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Each window of an image as a column; see `functional.unfold`.

    Parameters
    ----------
    kernel_size : int or tuple of 2 ints
        KH and KW.
    dilation, padding, stride : int or tuple of 2 ints
        Default: 1, 0 and 1.

    Input of shape (N, C, H, W) gives output of shape (N, C KH KW, L); N may be missing.
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Any:
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """The sum of columns at the places of the windows of an image; see `functional.fold`.

    Parameters
    ----------
    output_size : int or tuple of 2 ints
        H and W.
    kernel_size, dilation, padding, stride
        As in `Unfold`.

    Input of shape (N, C KH KW, L) gives output of shape (N, C, H, W); N may be missing.
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Any) -> Any:
        return fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
