"""Pooling layers; the formulas stand in `gpunet.nn.functional`."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
]


class _MaxPool(Module):
    _pool: Any

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        return self._pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """As `MaxPool2d`, for inputs of shape (N, C, L) or (C, L)."""

    _pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of every window, channel by channel.

    Parameters
    ----------
    kernel_size : int or tuple of 2 int
    stride : int or tuple of 2 int, optional
        From one window to the next. Default: `kernel_size`.
    padding : int or tuple of 2 int
        Places on each side that windows may cover, as if they were -inf. Default: 0.
    dilation : int or tuple of 2 int
        From one element of a window to the next. Default: 1.
    return_indices : bool
        Also return where each maximum was, for `MaxUnpool2d`. Default: False.
    ceil_mode : bool
        Whether a last window may reach beyond the padding. Default: False.

    The input has shape (N, C, H, W) or (C, H, W); each length n becomes
    ``(n + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1``, rounded down, or up with
    `ceil_mode`.
    """

    _pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """As `MaxPool2d`, for inputs of shape (N, C, D, H, W) or (C, D, H, W)."""

    _pool = staticmethod(F.max_pool3d)


class _MaxUnpool(Module):
    _unpool: Any
    _axes: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        self.kernel_size = self._tuple(kernel_size)
        self.stride = self._tuple(kernel_size if stride is None else stride)
        self.padding = self._tuple(padding)

    def _tuple(self, value: Any) -> tuple[int, ...]:
        return tuple(value) if hasattr(value, "__iter__") else (value,) * self._axes

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        return self._unpool(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """As `MaxUnpool2d`, for inputs of shape (N, C, L) or (C, L)."""

    _unpool = staticmethod(F.max_unpool1d)
    _axes = 1


class MaxUnpool2d(_MaxUnpool):
    """The partial inverse of `MaxPool2d`: each maximum where it came from, zeros elsewhere.

    Parameters
    ----------
    kernel_size, stride, padding
        Those of the pooling.

    The inputs are what a `MaxPool2d` with `return_indices` returned, and perhaps the output's
    size: several sizes have the same pooled one.
    """

    _unpool = staticmethod(F.max_unpool2d)
    _axes = 2


class _AvgPool(Module):
    _pool: Any

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        return self._pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """As `AvgPool2d`, for inputs of shape (N, C, L) or (C, L), without `divisor_override`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.kernel_size, self.stride, self.padding = (
            tuple(x) if hasattr(x, "__iter__") else (x,)
            for x in (self.kernel_size, self.stride, self.padding)
        )

    def forward(self, input: Any) -> Any:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class AvgPool2d(_AvgPool):
    """The average of every window, channel by channel.

    Parameters
    ----------
    kernel_size : int or tuple of 2 int
    stride : int or tuple of 2 int, optional
        From one window to the next. Default: `kernel_size`.
    padding : int or tuple of 2 int
        Zeros on each side that windows may cover. Default: 0.
    ceil_mode : bool
        Whether a last window may reach beyond the padding. Default: False.
    count_include_pad : bool
        Whether the zeros count as elements of the window. Default: True.
    divisor_override : int, optional
        What the sum is divided by, in place of the number of elements.

    The input has shape (N, C, H, W) or (C, H, W); each length n becomes
    ``(n + 2 padding - kernel_size) / stride + 1``, rounded down, or up with `ceil_mode`.
    """

    _pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """As `AvgPool2d`, for inputs of shape (N, C, D, H, W) or (C, D, H, W)."""

    _pool = staticmethod(F.avg_pool3d)
