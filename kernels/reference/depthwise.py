"""Depthwise convolution: each channel has filters of its own, and no sum runs over channels.

One pixel of the output costs as many multiplications as the kernel has elements, so that memory
sets the pace: a matrix of windows would multiply exactly what is scarce.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from ._namespace import namespace
from .activation import bias_act_forward

__all__ = ["depthwise_backward_input", "depthwise_backward_weight", "depthwise_forward"]


def depthwise_forward(
    X: Any,
    W: Any,
    bias: Any,
    Y: Any,
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
    dilation: tuple[int, int, int],
    act: int,
) -> None:
    """Each channel c has m filters, whose outputs are channels ``c m`` to ``c m + m - 1``::

        Y[n, od, oh, ow, o] = act(bias[o] + sum over kd, kh, kw of W[kd, kh, kw, o]
            X[n, od sd - pd + kd dd, oh sh - ph + kh dh, ow sw - pw + kw dw, o // m])

    where elements outside X are zeros.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
        float32 or float64, C-contiguous. One or two spatial dimensions: the first have length 1.
    W : array of shape (KD, KH, KW, C m)
        C-contiguous.
    bias : array of shape (C m,), or None
    Y : array of shape (N, OD, OH, OW, C m)
        Output.
    stride, padding, dilation : tuple of int
        Padding is that before the first element; the shape of `Y` says how much is behind the last.
    act : int
        0 identity, 1 ReLU, 2 logistic sigmoid, 3 tanh.
    """
    xp = namespace(X)
    C, F = X.shape[4], W.shape[3]
    Y.fill(0)
    for k, at, o in _taps(X.shape, Y.shape, W.shape, stride, padding, dilation):
        part = Y[o]
        part += _repeat(xp, X[at], C, F) * W[k]
    rows = Y.reshape(Y.size // F if F else 0, F)
    bias_act_forward(rows, xp.zeros(F, Y.dtype) if bias is None else bias, act, rows)


def depthwise_backward_input(
    dY: Any,
    W: Any,
    dX: Any,
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
    dilation: tuple[int, int, int],
) -> None:
    """The gradient of X: each element sums ``dY W`` over the windows that contain it.

    Parameters
    ----------
    dY : array of shape (N, OD, OH, OW, C m)
        The gradient of the output before its activation.
    W : array of shape (KD, KH, KW, C m)
    dX : array of shape (N, D, H, W, C)
        Output.
    stride, padding, dilation
        As in `depthwise_forward`.
    """
    C, F = dX.shape[4], W.shape[3]
    dX.fill(0)
    for k, at, o in _taps(dX.shape, dY.shape, W.shape, stride, padding, dilation):
        part = dX[at]
        product = dY[o] * W[k]
        part += product.reshape(*part.shape, F // C if C else 1).sum(axis=-1)


def depthwise_backward_weight(
    X: Any,
    dY: Any,
    dW: Any,
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
    dilation: tuple[int, int, int],
) -> None:
    """The gradient of W: each element sums ``dY X`` over all windows, in a fixed order.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C)
    dY : array of shape (N, OD, OH, OW, C m)
        The gradient of the output before its activation.
    dW : array of shape (KD, KH, KW, C m)
        Output.
    stride, padding, dilation
        As in `depthwise_forward`.
    """
    xp = namespace(X)
    C, F = X.shape[4], dW.shape[3]
    dW.fill(0)
    for k, at, o in _taps(X.shape, dY.shape, dW.shape, stride, padding, dilation):
        dW[k] = (_repeat(xp, X[at], C, F) * dY[o]).sum(axis=(0, 1, 2, 3))


def _repeat(xp: Any, X: Any, C: int, F: int) -> Any:
    """Each channel once for each of its filters."""
    return X if C == F else xp.repeat(X, F // C, axis=-1)


def _taps(
    shape: Any, out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Iterator[tuple[Any, Any, Any]]:
    """For each tap of the kernel its index, and those of all pairs (pixel, window) that meet in it.

    The second and third are slices of X and of Y; taps that meet no pixel are left out.
    """
    for tap in product(*map(range, kernel[:3])):
        at, o = [slice(None)], [slice(None)]
        axes = zip(tap, shape[1:4], out[1:4], stride, padding, dilation)
        for k, size, places, s, p, d in axes:
            shift = k * d - p
            first = max(0, -(shift // s))  # the first window whose pixel is inside, and the last
            end = min(places, (size - 1 - shift) // s + 1)
            if first >= end:
                break
            at.append(slice(first * s + shift, (end - 1) * s + shift + 1, s))
            o.append(slice(first, end))
        else:
            yield tap, tuple(at), tuple(o)
