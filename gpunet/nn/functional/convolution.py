"""Convolution and transposed convolution along one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd import Operation, Variable
from ...backend import backend_of
from ...functions.shape import squeeze, unsqueeze
from ...ops import convolution as _ops
from ...ops.linear import ACTIVATION_CODES
from ...ops.norm import batch_norm_as_affine
from ._filters import check_tensors, transposed_windows, windows_of_filters

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_act",
    "conv_norm_act",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

_conv = Operation(_ops.conv_forward, _ops.conv_backward, into=True)
_conv_transpose = Operation(_ops.conv_transpose_forward, _ops.conv_transpose_backward, into=True)

_NAMES = {3: "conv1d", 4: "conv2d", 5: "conv3d"}
_TRANSPOSED = {3: "conv_transpose1d", 4: "conv_transpose2d", 5: "conv_transpose3d"}


def conv1d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """`conv2d` for an input of shape (N, C, L) or (C, L) and a weight of shape (O, C / G, K)."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups, "identity")


def conv2d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The inner product of every filter with every window, plus a bias.

    ``Y[n, o, i, j] = b[o] + sum W[o, c, k, l] X[n, c, i sh - ph + k dh, j sw - pw + l dw]``

    with the sum over k, l and the channels c of o's group, and X being 0 outside its bounds.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    weight : Tensor of shape (O, C / G, KH, KW)
    bias : Tensor of shape (O,), optional
    stride : int or tuple of 2 int
        s, from one window to the next. Default: 1.
    padding : int, tuple of 2 int, "valid" or "same"
        p, zeros on each side. "valid" is none, "same" as many as give an output of the input's
        size, the odd one at the end. Default: 0.
    dilation : int or tuple of 2 int
        d, from one element of a window to the next. Default: 1.
    groups : int
        G; each G-th part of the filters sees the same G-th part of the channels. Default: 1.

    Returns
    -------
    Tensor of shape (N, O, OH, OW) or (O, OH, OW)
        With ``OH = floor((H + 2 ph - dh (KH - 1) - 1) / sh) + 1``. In channels-last memory.

    Raises
    ------
    RuntimeError, TypeError
        If the arguments do not fit.
    """
    return _convolve(4, input, weight, bias, stride, padding, dilation, groups, "identity")


def conv3d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """`conv2d` for an input of shape (N, C, D, H, W) or (C, D, H, W) and a weight of shape
    (O, C / G, KD, KH, KW).
    """
    return _convolve(5, input, weight, bias, stride, padding, dilation, groups, "identity")


def conv_act(
    input: Variable,
    weight: Variable,
    bias: Variable | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    activation: str,
) -> Any:
    """``act(conv(X, W) + b)`` in one operation; the number of axes is that of the weight.

    `activation` is "identity", "relu", "sigmoid" or "tanh".
    """
    ndim = weight.array.ndim
    return _convolve(ndim, input, weight, bias, stride, padding, dilation, groups, activation)


def conv_norm_act(
    input: Variable,
    weight: Variable,
    bias: Variable | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    norm: Sequence[Variable | None],
    eps: float,
    activation: str,
) -> Any:
    """`conv_act` with a batch norm in evaluation between the two, without a tape.

    `norm`: its weight, bias, running mean and running variance, of the dtype of `weight` and on
    its device. The filters take the factors of the batch norm, so it costs nothing.
    """
    ndim = weight.array.ndim
    check_tensors(_NAMES[ndim], ndim - 2, input, weight, bias)
    be = backend_of(weight.array)
    factor, offset, mean, var = [None if x is None else x.array for x in norm]
    scale, shift = batch_norm_as_affine(be, factor, offset, mean, var, eps)
    if bias is not None:
        shift += bias.array * scale
    how = _geometry(input, weight, bias, stride, padding, dilation, groups, activation)
    return Operation.result(
        _ops.conv_forward(be, input.array, weight.array, shift, **how, scale=scale)[0]
    )


def _convolve(
    ndim: int,
    input: Variable,
    weight: Variable,
    bias: Variable | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    activation: str,
) -> Any:
    name = _NAMES[ndim]
    if not check_tensors(name, ndim - 2, input, weight, bias):
        whole = unsqueeze(input, 0)
        more = (stride, padding, dilation, groups, activation)
        return squeeze(_convolve(ndim, whole, weight, bias, *more), 0)
    how = _geometry(input, weight, bias, stride, padding, dilation, groups, activation)
    return _conv(input, weight, bias, **how)


def _geometry(
    input: Variable,
    weight: Variable,
    bias: Variable | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    activation: str,
) -> dict[str, Any]:
    """What `gpunet.ops.convolution.conv_forward` takes beside the arrays."""
    out, step, before, spread = windows_of_filters(
        _NAMES[weight.array.ndim], input.array.shape, weight.array.shape,
        None if bias is None else bias.array.shape,
        _hashable(stride), _hashable(padding), _hashable(dilation), groups,
    )  # fmt: skip
    return {
        "out": out, "stride": step, "padding": before, "dilation": spread, "groups": groups,
        "act": ACTIVATION_CODES[activation],
    }  # fmt: skip


def conv_transpose1d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """`conv_transpose2d` for an input of shape (N, C, L) or (C, L)."""
    return _spread(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Each pixel spread out over a window: the gradient of a `conv2d` by its input.

    ``Y[n, o, i, j] = b[o] + sum W[c, o, k, l] X[n, c, i', j']``, over all c, k, l, i', j' with
    ``i = i' sh - ph + k dh`` and ``j = j' sw - pw + l dw``.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    weight : Tensor of shape (C, O / G, KH, KW)
    bias : Tensor of shape (O,), optional
    stride, padding, dilation : int or tuple of 2 int
        Those of the `conv2d`. Default: 1, 0, 1.
    output_padding : int or tuple of 2 int
        Rows and columns more at the end, as a `conv2d` with a stride gives several sizes of input
        the same size of output. Default: 0.
    groups : int
        G. Default: 1.

    Returns
    -------
    Tensor of shape (N, O, OH, OW) or (O, OH, OW)
        With ``OH = (H - 1) sh - 2 ph + dh (KH - 1) + output_padding + 1``. In channels-last memory.

    Raises
    ------
    RuntimeError, TypeError
        If the arguments do not fit.
    """
    return _spread(4, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Variable,
    weight: Variable,
    bias: Variable | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """`conv_transpose2d` for an input of shape (N, C, D, H, W) or (C, D, H, W)."""
    return _spread(5, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _spread(
    ndim: int,
    input: Variable,
    weight: Variable,
    bias: Variable | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    name = _TRANSPOSED[ndim]
    if not check_tensors(name, ndim - 2, input, weight, bias):
        whole = unsqueeze(input, 0)
        more = (stride, padding, output_padding, groups, dilation)
        return squeeze(_spread(ndim, whole, weight, bias, *more), 0)
    out, step, before, spread = transposed_windows(
        name, input.array.shape, weight.array.shape, None if bias is None else bias.array.shape,
        _hashable(stride), _hashable(padding), _hashable(output_padding), groups,
        _hashable(dilation),
    )  # fmt: skip
    return _conv_transpose(
        input, weight, bias, out=out, stride=step, padding=before, dilation=spread, groups=groups
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
