"""Convolutional layers."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.mode import MODE
from ..functions.pad import pad
from . import init
from .functional._filters import same_padding
from .functional._windows import lengths_of
from .functional.convolution import (
    conv_act,
    conv_norm_act,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What all convolutions share: the arguments, the parameters and how they are shown."""

    weight: Parameter
    bias: Parameter | None
    _axes = 0
    _transposed = False

    def _make(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name} must be divisible by groups, got {channels} and {groups}")
        name = type(self).__name__
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = lengths_of(kernel_size, self._axes, f"{name}: kernel_size")
        self.stride = lengths_of(stride, self._axes, f"{name}: stride")
        self.padding: Any = padding
        if not isinstance(padding, str):
            self.padding = lengths_of(padding, self._axes, f"{name}: padding")
        elif padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}"
            )
        elif padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        self.dilation = lengths_of(dilation, self._axes, f"{name}: dilation")
        self.transposed = self._transposed
        self.output_padding = lengths_of(output_padding, self._axes, f"{name}: output_padding")
        self.groups = groups
        if padding_mode not in _MODES:
            raise ValueError(
                f"padding_mode must be one of {_MODES}, but got padding_mode={padding_mode!r}"
            )
        self.padding_mode = padding_mode
        own, others = out_channels, in_channels
        if self._transposed:
            own, others = in_channels, out_channels
        shape = (own, others // groups, *self.kernel_size)
        self.weight = empty_parameter(*shape, device=device, dtype=dtype)
        if bias:
            self.bias = empty_parameter(out_channels, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            inputs = math.prod(self.weight.array.shape[1:])
            bound = 1 / math.sqrt(inputs) if inputs > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        shown = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        shown += f", stride={self.stride}"
        for name, usual in (
            ("padding", (0,) * self._axes),
            ("dilation", (1,) * self._axes),
            ("output_padding", (0,) * self._axes),
            ("groups", 1),
        ):
            if getattr(self, name) != usual:
                shown += f", {name}={getattr(self, name)}"
        shown += "" if self.bias is not None else ", bias=False"
        if self.padding_mode != "zeros":
            shown += f", padding_mode={self.padding_mode}"
        return shown


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self._make(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        return self.activated(input, "identity")

    def activated(self, input: Any, activation: str) -> Any:
        """`forward` with an activation, by the name of `conv_act`, in the same operation."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input = pad(input, self._border(), mode=self.padding_mode)
            padding = 0
        return conv_act(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups,
            activation,
        )  # fmt: skip

    def normed(self, input: Any, norm: Any, activation: str) -> Any:
        """`activated` with a batch norm before the activation, in the same operation if it can be.

        It can in evaluation and without a tape, when the norm's statistics are given.
        """
        kind = self.weight.array
        if (
            MODE.enabled
            or MODE.autocast is not None
            or norm.training
            or kind.dtype.char == "E"  # bfloat16, of which the kernels know nothing
            or self.padding_mode != "zeros"
            or input.array.ndim != kind.ndim
            or type(input.array) is not type(kind)
            or norm.num_features != self.out_channels
            or norm.running_mean is None
            or norm.running_mean.array.dtype != kind.dtype
            or type(norm.running_mean.array) is not type(kind)
        ):
            return norm.activated(self.forward(input), activation)
        return conv_norm_act(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups,
            (norm.weight, norm.bias, norm.running_mean, norm.running_var), norm.eps, activation,
        )  # fmt: skip

    def _border(self) -> tuple[int, ...]:
        """The widths for `pad`, the last axis first."""
        pairs: Any = ((0, 0),) * self._axes
        if self.padding == "same":
            pairs = same_padding(self.kernel_size, self.dilation)
        elif self.padding != "valid":
            pairs = [(p, p) for p in self.padding]
        return tuple([width for pair in reversed(pairs) for width in pair])


class Conv1d(_Conv):
    """`Conv2d` along one axis: input of shape (N, C, L) or (C, L)."""

    _axes = 1


class Conv2d(_Conv):
    """The inner product of every filter with every window of an image.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        O, the number of filters.
    kernel_size : int or tuple of 2 int
        KH, KW.
    stride, padding, dilation, groups
        As in `functional.conv2d`.
    bias : bool
        Whether there is a b. Default: True.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the border holds, as in `functional.pad`. Default: "zeros".
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter of shape (O, C / G, KH, KW)
        Drawn from ``U(-1/sqrt(K), 1/sqrt(K))`` with ``K = C / G KH KW``.
    bias : Parameter of shape (O,), or None
        Drawn from the same.

    Raises
    ------
    ValueError
        If an argument is none of those described, or the groups do not divide the channels.

    Input of shape (N, C, H, W) or (C, H, W) gives output of shape (N, O, OH, OW) or (O, OH, OW).

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998.
    """

    _axes = 2


class Conv3d(_Conv):
    """`Conv2d` along three axes: input of shape (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3


class _ConvTranspose(_Convolution):
    _transposed = True
    _function: Any = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {name}')
        if isinstance(padding, str):
            raise ValueError(f"{name}: padding: expected numbers, got {padding!r}")
        super().__init__()
        self._make(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation,
            groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Any = None) -> Any:
        more = self.output_padding if output_size is None else self._more(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip

    def _more(self, input: Any, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives `output_size`."""
        axes = self._axes
        ahead = input.array.ndim - axes
        wanted = tuple(output_size)
        if len(wanted) == ahead + axes:
            wanted = wanted[ahead:]
        if len(wanted) != axes:
            raise ValueError(
                f"ConvTranspose{axes}D: for {input.array.ndim}D input, output_size must have "
                f"{axes} or {ahead + axes} elements (got {len(wanted)})"
            )
        lengths = input.array.shape[ahead:]
        smallest = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                lengths, self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        largest = [n + s - 1 for n, s in zip(smallest, self.stride)]
        if any(not low <= n <= high for low, n, high in zip(smallest, wanted, largest)):
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from "
                f"{smallest} to {largest} (for an input of {list(lengths)})"
            )
        return tuple([n - low for n, low in zip(wanted, smallest)])


class ConvTranspose1d(_ConvTranspose):
    """`ConvTranspose2d` along one axis: input of shape (N, C, L) or (C, L)."""

    _axes = 1
    _function = staticmethod(conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Each pixel spread out over a window: the gradient of a `Conv2d` by its input.

    Parameters
    ----------
    in_channels : int
        C.
    out_channels : int
        O.
    kernel_size : int or tuple of 2 int
        KH, KW.
    stride, padding, output_padding, groups, dilation
        As in `functional.conv_transpose2d`.
    bias : bool
        Whether there is a b. Default: True.
    padding_mode : {"zeros"}
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter of shape (C, O / G, KH, KW)
        Drawn from ``U(-1/sqrt(K), 1/sqrt(K))`` with ``K = O / G KH KW``.
    bias : Parameter of shape (O,), or None
        Drawn from the same.

    Raises
    ------
    ValueError
        If an argument is none of those described, or the groups do not divide the channels.

    Called as ``layer(input, output_size=None)``; with a size, in place of `output_padding`, it is
    the output's: a `Conv2d` with a stride gives several sizes of input the same size of output.

    Source: Zeiler et al., Deconvolutional networks, 2010.
    """

    _axes = 2
    _function = staticmethod(conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """`ConvTranspose2d` along three axes: input of shape (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3
    _function = staticmethod(conv_transpose3d)
