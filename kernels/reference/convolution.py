"""Convolution of images in channels-last memory: one matrix product for each tap of the filter.

    Y[n, od, oh, ow, o] = act(b[o] + s[o] sum W[o, kd, kh, kw, c] X[n, id, ih, iw, c])

with ``id = od sd - pd + kd dd``, ``ih`` and ``iw`` alike, the sum over the taps (kd, kh, kw) of the
filter and over the channels c of o's group, and X being 0 outside its bounds.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from ._namespace import namespace
from .activation import bias_act_forward

__all__ = ["conv_backward_input", "conv_backward_weight", "conv_forward"]

Three = tuple[int, int, int]


def conv_forward(
    X: Any,
    W: Any,
    scale: Any,
    bias: Any,
    Y: Any,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
    act: int,
) -> None:
    """``Y = act(s conv(X, W) + b)``, as above.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
        float32 or float64, C-contiguous. One or two spatial dimensions: the first have length 1.
    W : array of shape (O, KD, KH, KW, C / G)
        Any strides; on the CPU also PyTorch's order, (O, C / G, KD, KH, KW), is read without a
        copy.
    scale : array of shape (O,), or None
        s, a factor of each filter; 1 if None.
    bias : array of shape (O,), or None
    Y : array of shape (N, OD, OH, OW, O)
        Output, C-contiguous.
    stride, padding, dilation : tuple of int
        For each spatial axis. Padding is that before the first element; the shape of Y says how
        much there is behind the last.
    groups : int
        G. Each G-th part of the filters sees the same G-th part of the channels.
    act : int
        As in `bias_act_forward`.
    """
    xp = namespace(X)
    padded = _padded(xp, X, W, Y, stride, padding, dilation)
    M = Y[..., 0].size
    rows = Y.reshape(M, Y.shape[-1])
    rows.fill(0)
    if scale is not None:
        W = W * scale.reshape(-1, 1, 1, 1, 1)
    for tap, view in _views(padded, W, Y, stride, dilation):
        windows = view.reshape(M, X.shape[-1])
        for o, c in _groups(W, X, groups):
            rows[:, o] += xp.dot(windows[:, c], W[(o, *tap)].T)
    if bias is None:
        bias = xp.zeros(W.shape[:1], W.dtype)
    bias_act_forward(rows, bias, act, rows)


def conv_backward_input(
    dY: Any,
    W: Any,
    dX: Any,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
) -> None:
    """``dX[n, id, ih, iw, c] = sum W[o, kd, kh, kw, c] dY[n, od, oh, ow, o]``.

    The sum is over all filters of the group and all windows that contain the element. This is also
    the forward pass of the transposed convolution.

    Parameters
    ----------
    dY : array of shape (N, OD, OH, OW, O)
        The gradient of the output, or for transposed convolution the input.
    W
        As in `conv_forward`.
    dX : array of shape (N, D, H, W, C)
        Output, C-contiguous.
    stride, padding, dilation, groups
        As in `conv_forward`.
    """
    xp = namespace(dY)
    padded = _padded(xp, dX, W, dY, stride, padding, dilation)
    padded.fill(0)
    rows = dY.reshape(dY[..., 0].size, dY.shape[-1])
    for tap, view in _views(padded, W, dY, stride, dilation):
        for o, c in _groups(W, dX, groups):
            part = xp.dot(rows[:, o], W[(o, *tap)])
            view[..., c] += part.reshape(*dY.shape[:-1], part.shape[1])
    inside = [slice(p, p + n) for p, n in zip(padding, dX.shape[1:4])]
    dX[...] = padded[(slice(None), *inside)]


def conv_backward_weight(
    X: Any,
    dY: Any,
    dW: Any,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
) -> None:
    """``dW[o, kd, kh, kw, c] = sum X[n, id, ih, iw, c] dY[n, od, oh, ow, o]``, over all windows.

    The order of the sum is the same every time with the same number of threads.

    Parameters
    ----------
    X, dY
        The input of `conv_forward` and the gradient of its output.
    dW : array of shape (O, KD, KH, KW, C / G)
        Output. Any strides, as W.
    stride, padding, dilation, groups
        As in `conv_forward`.
    """
    xp = namespace(X)
    padded = _padded(xp, X, dW, dY, stride, padding, dilation)
    rows = dY.reshape(dY[..., 0].size, dY.shape[-1])
    for tap, view in _views(padded, dW, dY, stride, dilation):
        windows = view.reshape(rows.shape[0], X.shape[-1])
        for o, c in _groups(dW, X, groups):
            dW[(o, *tap)] = xp.dot(rows[:, o].T, windows[:, c])


def _padded(xp: Any, X: Any, W: Any, Y: Any, stride: Three, padding: Three, dilation: Three) -> Any:
    """A copy of `X` with all the zeros around it that windows reach into."""
    lengths = [
        max(p + n, (o - 1) * s + (k - 1) * d + 1)
        for n, o, k, s, p, d in zip(
            X.shape[1:4], Y.shape[1:4], W.shape[1:4], stride, padding, dilation
        )
    ]
    padded = xp.zeros((X.shape[0], *lengths, X.shape[4]), X.dtype)
    inside = [slice(p, p + n) for p, n in zip(padding, X.shape[1:4])]
    padded[(slice(None), *inside)] = X
    return padded


def _views(padded: Any, W: Any, Y: Any, stride: Three, dilation: Three) -> Any:
    """Each tap of the filter, with the elements that it meets in all windows."""
    for tap in product(*map(range, W.shape[1:4])):
        places = [
            slice(k * d, k * d + (o - 1) * s + 1 if o else k * d, s)
            for k, d, o, s in zip(tap, dilation, Y.shape[1:4], stride)
        ]
        yield tap, padded[(slice(None), *places)]


def _groups(W: Any, X: Any, groups: int) -> Any:
    """The filters and the channels of each group."""
    filters, channels = W.shape[0] // groups, X.shape[4] // groups
    for g in range(groups):
        yield (
            slice(g * filters, (g + 1) * filters),
            slice(g * channels, (g + 1) * channels),
        )
