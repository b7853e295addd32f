"""Convolution, and transposed convolution, which is its gradient by the input."""

from __future__ import annotations

from typing import Any

from .channels import as_image, from_image
from .depthwise import depthwise_backward, depthwise_forward

__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_transpose_backward",
    "conv_transpose_forward",
]

Three = tuple[int, int, int]


def conv_forward(
    be: Any,
    X: Any,
    W: Any,
    b: Any,
    out: Three,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
    act: int = 0,
    scale: Any = None,
) -> Any:
    """``Y[n, o, i] = act(b[o] + s[o] sum_{k, c} W[o, c, k] X[n, c, i stride - padding + k d])``.

    i and k stand for one to three spatial axes, d for the dilation; c runs over the channels of
    o's group. `conv_backward` is for ``s = 1``.

    Parameters
    ----------
    X : array of shape (N, C, *L)
        Any strides; taken as it is from channels-last memory.
    W : array of shape (O, C / G, *K)
    b : array of shape (O,), or None
    out : tuple of int
        The output's lengths, as (OD, OH, OW).
    stride, padding, dilation : tuple of int
        Padding is that before the first element; `out` says how much there is behind the last.
    groups : int
        G.
    act : int
        A code of `linear.ACTIVATION_CODES`.
    scale : array of shape (O,), or None
        s: what follows the filters in inference, such as a batch norm. 1 if None.

    Returns
    -------
    Y : array of shape (N, O, *L')
        In channels-last memory.
    saved : tuple

    Source: LeCun et al., Gradient-based learning applied to document recognition, 1998.
    """
    image = as_image(be, X)
    ndim = X.ndim
    if groups > 1 and groups == X.shape[1]:
        taps = W.reshape(W.shape[0], 1, *(1,) * (5 - ndim), *W.shape[2:])
        if scale is not None:
            taps = taps * scale.reshape(-1, 1, 1, 1, 1)
        Y, saved = depthwise_forward(be, image, taps, b, out, stride, padding, dilation, act)
        return from_image(be, Y, ndim), (ndim, W.shape, saved)
    packed = be.packed(_by_tap(be.contiguous(W)))
    Y = be.empty((X.shape[0], *out, W.shape[0]), X.dtype)
    geometry = (stride, padding, dilation, groups)
    bias = None if b is None else be.contiguous(b)
    be.kernels.conv_forward(image, packed, scale, bias, Y, *geometry, act)
    kept = (image, packed, Y if act else None, geometry, act)
    return from_image(be, Y, ndim), (ndim, W.shape, kept)


def conv_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``dZ = dY act'(Z)``: dX sums ``W dZ`` over the windows that contain an element, dW sums
    ``X dZ`` over all windows, db sums dZ over all pixels.
    """
    ndim, shape, rest = saved
    dZ = as_image(be, dY)
    if len(rest) == 6:
        into = [None, out[1], out[2]]
        if out[1] is not None:
            into[1] = out[1].reshape(shape[0], 1, *(1,) * (5 - ndim), *shape[2:])
        dX, dW, db = depthwise_backward(be, dZ, rest, needs, into)
        dX = None if dX is None else from_image(be, dX, ndim)
        if dW is not None:
            dW = dW.reshape(shape) if out[1] is None else out[1]
        return dX, dW, db
    X, packed, Y, geometry, act = rest
    dX = dW = None
    dZ, db = _bias_backward(be, dZ, Y, act, needs[2], out[2])
    if needs[0]:
        dX = be.empty(X.shape, X.dtype)
        be.kernels.conv_backward_input(dZ, packed, dX, *geometry)
        dX = from_image(be, dX, ndim)
    if needs[1]:
        dW = _weight_backward(be, X, dZ, shape, geometry, out[1])
    return dX, dW, db


def conv_transpose_forward(
    be: Any,
    X: Any,
    W: Any,
    b: Any,
    out: Three,
    stride: Three,
    padding: Three,
    dilation: Three,
    groups: int,
) -> Any:
    """``Y[n, o, j] = b[o] + sum W[c, o, k] X[n, c, i]``, over all ``j = i stride - padding + k
    dilation``: what `conv_backward` does to a gradient.

    Parameters
    ----------
    X : array of shape (N, C, *L)
    W : array of shape (C, O / G, *K)
    b : array of shape (O,), or None
    out : tuple of int
        The output's lengths, as (OD, OH, OW).
    stride, padding, dilation, groups
        Those of the convolution whose gradient this is.

    Returns
    -------
    Y : array of shape (N, O, *L')
        In channels-last memory.
    saved : tuple

    Source: Zeiler et al., Deconvolutional networks, 2010.
    """
    image, packed = as_image(be, X), be.packed(_by_tap(be.contiguous(W)))
    filters = W.shape[1] * groups
    Y = be.empty((X.shape[0], *out, filters), X.dtype)
    geometry = (stride, padding, dilation, groups)
    be.kernels.conv_backward_input(image, packed, Y, *geometry)
    if b is not None:
        rows = Y.reshape(Y.size // filters, filters)
        be.kernels.bias_act_forward(rows, be.contiguous(b), 0, rows)
    return from_image(be, Y, X.ndim), (X.ndim, W.shape, image, packed, geometry)


def conv_transpose_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """dX is the convolution of dY with W; dW and db as in `conv_backward`, with X and dY in
    each other's place.
    """
    ndim, shape, X, packed, geometry = saved
    dZ = as_image(be, dY)
    dX = dW = db = None
    if needs[2]:
        dZ, db = _bias_backward(be, dZ, None, 0, True, out[2])
    if needs[0]:
        dX = be.empty(X.shape, X.dtype)
        be.kernels.conv_forward(dZ, packed, None, None, dX, *geometry, 0)
        dX = from_image(be, dX, ndim)
    if needs[1]:
        dW = _weight_backward(be, dZ, X, shape, geometry, out[1])
    return dX, dW, db


def _bias_backward(be: Any, dY: Any, Y: Any, act: int, needed: bool, out: Any) -> Any:
    """The gradient before the activation, and its sum over all pixels."""
    if not act and not needed:
        return dY, None
    filters = dY.shape[-1]
    rows = dY.reshape(dY.size // filters, filters)
    db = be.empty((filters,), dY.dtype) if out is None else out
    dZ = be.empty(rows.shape, dY.dtype) if act else rows
    be.kernels.bias_act_backward(rows, Y.reshape(rows.shape) if act else rows, act, dZ, db)
    return dZ.reshape(dY.shape), db if needed else None


def _weight_backward(be: Any, X: Any, dY: Any, shape: Any, geometry: Any, out: Any) -> Any:
    """The gradient of weights of `shape`: into `out` where there is one."""
    dW = be.empty(shape, X.dtype) if out is None else out
    be.kernels.conv_backward_weight(X, dY, _by_tap(dW), *geometry)
    return dW


def _by_tap(W: Any) -> Any:
    """Weights of shape (O, C, *K) as a view of shape (O, KD, KH, KW, C)."""
    if W.ndim == 4:
        return W.transpose(0, 2, 3, 1)[:, None]
    return W.transpose(0, 2, 3, 4, 1) if W.ndim == 5 else W.transpose(0, 2, 1)[:, None, None]
