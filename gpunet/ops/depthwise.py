"""Depthwise convolution: each channel of the input has filters of its own."""

from __future__ import annotations

from typing import Any

__all__ = ["depthwise_backward", "depthwise_forward"]

Three = tuple[int, int, int]


def depthwise_forward(
    be: Any,
    X: Any,
    W: Any,
    b: Any,
    out: Three,
    stride: Three = (1, 1, 1),
    padding: Three = (0, 0, 0),
    dilation: Three = (1, 1, 1),
    act: int = 0,
) -> Any:
    """``Y[n, .., o] = act(b[o] + sum_k W[o, 0, k] window_k(X)[n, .., o // m])`` with ``m = F / C``.

    Parameters
    ----------
    X : array of shape (N, D, H, W, C), C-contiguous
    W : array of shape (F, 1, KD, KH, KW)
    b : array of shape (F,), or None
    out : tuple of int
        OD, OH, OW.
    stride, padding, dilation : tuple of int
        Padding is that before the first element; `out` says how much there is behind the last.
    act : int
        A code of `linear.ACTIVATION_CODES`.

    Returns
    -------
    Y : array of shape (N, OD, OH, OW, F)
    saved : tuple

    Source: Sifre, Rigid-motion scattering for image classification, 2014, ch. 6.2.
    """
    F, kernel = W.shape[0], W.shape[2:]
    packed = be.empty((*kernel, F), W.dtype)
    packed[...] = be.xp.moveaxis(W[:, 0], 0, -1)
    Y = be.empty((X.shape[0], *out, F), X.dtype)
    geometry = (stride, padding, dilation)
    bias = None if b is None else be.contiguous(b)
    be.kernels.depthwise_forward(X, packed, bias, Y, *geometry, act)
    return Y, (X, W, packed, Y if act else None, geometry, act)


def depthwise_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """With ``dZ = dY act'(Z)``, each element of dX sums ``dZ W`` over the windows that contain it,
    each of dW sums ``dZ X`` over all windows, and ``db`` is the sum of dZ over all pixels.
    """
    X, W, packed, Y, geometry, act = saved
    F = W.shape[0]
    dZ = be.contiguous(dY)
    db = None
    if act or needs[2]:
        db = out[2] if out[2] is not None else be.empty((F,), W.dtype)
        rows = dZ.reshape(dZ.size // F, F)
        total = be.empty(rows.shape, dZ.dtype) if act else rows
        values = Y.reshape(rows.shape) if act else rows
        be.kernels.bias_act_backward(rows, values, act, total, db)
        dZ = total.reshape(dZ.shape)
    dX = dW = None
    if needs[0]:
        dX = be.empty(X.shape, X.dtype)
        be.kernels.depthwise_backward_input(dZ, packed, dX, *geometry)
    if needs[1]:
        by_tap = be.empty(packed.shape, W.dtype)
        be.kernels.depthwise_backward_weight(X, dZ, by_tap, *geometry)
        dW = out[1] if out[1] is not None else be.empty(W.shape, W.dtype)
        be.xp.copyto(dW[:, 0], be.xp.moveaxis(by_tap, -1, 0))
    return dX, dW, db if needs[2] else None
