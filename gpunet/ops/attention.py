"""Scaled dot-product attention: each query's average of the values, weighted by its keys.

    N samples, H heads, L queries, T keys and values, of E and F features::

        Z = scale Q K^T + bias            (N, H, L, T), -inf where a query may not see a key
        P = softmax(Z)                    over the keys
        Y = dropout(P) V                  (N, H, L, F)

The backward pass keeps P, the one array of size L T: computing it again would cost a product and
all exponentials, at lengths of which it fits in memory. The mask of the dropout is drawn again.

Source: Vaswani et al., Attention Is All You Need, 2017.
"""

from __future__ import annotations

import math
from typing import Any

from .broadcast import unbroadcast

__all__ = [
    "attention_backward",
    "attention_forward",
    "masked_softmax_backward",
    "masked_softmax_forward",
    "multi_head_attention_backward",
    "multi_head_attention_forward",
]


def attention_forward(
    be: Any,
    Q: Any,
    K: Any,
    V: Any,
    bias: Any,
    keep: Any = None,
    scale: float = 1.0,
    causal: bool = False,
    p: float = 0.0,
    generator: Any = None,
) -> Any:
    """``Y = dropout(softmax(scale Q K^T + bias)) V``; rows of queries that see no key are zero.

    Parameters
    ----------
    Q, K, V : array of shape (..., L, E), (..., T, E) and (..., T, F)
        The same axes in front, any number of them.
    bias : array that broadcasts to (..., L, T), or None
    keep : bool array that broadcasts to (..., L, T), or None
        Which keys a query may see.
    scale : float
    causal : bool
        Whether query l sees the keys 0 to l only.
    p : float
        The probability of dropout.
    generator : Generator
        Of the dropout; not used for ``p = 0``.
    """
    front, L, T = Q.shape[:-2], Q.shape[-2], K.shape[-2]
    heads = [_with_heads(X) for X in (Q, K, V)]
    masks = tuple([None if X is None else _mask(be, X, front, T) for X in (keep, bias)])
    Y = _room(be, heads[0], V.shape[-1], len(front) == 2)
    P, place, _ = _attend(be, heads, masks, scale, causal, True, p, generator, Y)
    shapes = (Q.shape, K.shape, V.shape, None if bias is None else bias.shape, (*front, L, T))
    return Y.reshape(*front, L, V.shape[-1]), (heads, P, scale, p, place, shapes)


def attention_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dV = D^T dY``; with ``dS = P (dP - sum dP P)``: ``dQ = scale dS K``, ``dK = scale dS^T Q``.

    D is P after the dropout. The gradient of the bias is dS, summed where the bias is repeated.
    """
    heads, P, scale, p, place, (*shapes, of_bias, full) = saved
    dQ, dK, dV = [
        _room(be, X, X.shape[-1], len(shape) == 4) if need else None
        for X, shape, need in zip(heads, shapes, needs)
    ]
    dS = _gradients(be, _with_heads(dY), None, heads, P, scale, p, place, (dQ, dK, dV), needs[3])
    dbias = unbroadcast(dS.reshape(full), of_bias) if needs[3] else None
    parts = [None if d is None else d.reshape(s) for d, s in zip((dQ, dK, dV), shapes)]
    return *parts, dbias


def multi_head_attention_forward(
    be: Any,
    bias: Any,
    *packed: Any,
    heads: int,
    batch_first: bool = False,
    keep: Any = None,
    causal: bool = False,
    safe: bool = True,
    p: float = 0.0,
    generator: Any = None,
    weights: bool = False,
) -> Any:
    """Attention of several heads, whose queries, keys and values stand side by side.

    Heads are neither split nor merged by copying::

        memory of a packed array, one token:  | q head 0 | q head 1 | k head 0 | ... | v head 1 |

    Parameters
    ----------
    bias : array of shape (N or 1, H or 1, L or 1, T), or None
    *packed : array of shape (L, N, ...), or (N, L, ...) with `batch_first`
        Queries, keys and values in one array of 3 H E features; or queries, and keys with values;
        or each in an array of H E features.
    heads : int
        H.
    keep : bool array of shape (N or 1, H or 1, L or 1, T), or None
    causal, p, generator
        As in `attention_forward`; ``scale = 1 / sqrt(E)``.
    safe : bool
        Whether rows of queries that see no key are zero; otherwise NaN.
    weights : bool
        Whether to return the weights too.

    Returns
    -------
    Y : array of shape (L, N, H E) or (N, L, H E)
    D : array of shape (N, H, L, T)
        The weights after the dropout, if they were asked for.
    saved : tuple
    """
    packed = tuple([be.contiguous(X) for X in packed])
    Q, K, V = _split(packed, heads, batch_first)
    N, _, L, E = Q.shape
    T = K.shape[2]
    scale = E**-0.5
    masks = tuple([None if X is None else _mask(be, X, (N, heads), T) for X in (keep, bias)])
    Y = be.empty((N, L, heads * E) if batch_first else (L, N, heads * E), Q.dtype)
    (view,) = _split([Y], heads, batch_first, (1,))
    P, place, D = _attend(be, (Q, K, V), masks, scale, causal, safe, p, generator, view, weights)
    shape = None if bias is None else bias.shape
    saved = (packed, heads, batch_first, P, scale, p, place, shape, weights)
    return ((Y, D) if weights else Y), saved


def multi_head_attention_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """As `attention_backward`, into arrays that are packed as the inputs were."""
    packed, heads, batch_first, P, scale, p, place, of_bias, weights = saved
    dY, dD = dY if weights else (dY, None)
    Q, K, V = _split(packed, heads, batch_first)
    grads = [be.empty(X.shape, X.dtype) for X in packed]
    dviews = _split(grads, heads, batch_first)
    merged = (*packed[0].shape[:2], heads * V.shape[-1])
    dY = be.zeros(merged, P.dtype) if dY is None else be.contiguous(dY)
    (dY,) = _split([dY], heads, batch_first, (1,))
    dS = _gradients(be, dY, dD, (Q, K, V), P, scale, p, place, dviews, needs[0])
    return (unbroadcast(dS, of_bias) if needs[0] else None), *grads


def masked_softmax_forward(be: Any, S: Any, keep: Any) -> Any:
    """``P = softmax(S)`` over the last axis, of the places where `keep` is true; else 0.

    Parameters
    ----------
    S : array of shape (..., L, T)
    keep : bool array that broadcasts to (..., L, T), or None
    """
    X = be.contiguous(_with_heads(S))
    P = be.empty(X.shape, X.dtype)
    if keep is not None:
        keep = _mask(be, keep, S.shape[:-2], S.shape[-1])
    be.kernels.attention_softmax_forward(X, keep, None, 1.0, False, True, P)
    return P.reshape(S.shape), P


def masked_softmax_backward(be: Any, dP: Any, P: Any, needs: Any) -> Any:
    """``dS = P (dP - sum dP P)``."""
    dS = be.empty(P.shape, P.dtype)
    be.kernels.attention_softmax_backward(be.contiguous(dP).reshape(P.shape), P, 1.0, dS)
    return (dS.reshape(dP.shape),)


# --- the mathematics, on (N, H, L, E) -----------------------------------------------------------


def _attend(
    be: Any,
    heads: Any,
    masks: Any,
    scale: float,
    causal: bool,
    safe: bool,
    p: float,
    generator: Any,
    Y: Any,
    weights: bool = False,
) -> Any:
    """Writes Y; returns P, the dropout's place, and, for `weights`, P after the dropout."""
    Q, K, V = heads
    P = be.empty((*Q.shape[:3], K.shape[2]), Q.dtype)
    D = be.empty(P.shape, P.dtype) if p and weights else None
    place = generator.take(be, P, -(-P.size // 4)) if p else None
    for part in _parts(be, P, p):
        S = be.batched_gemm(Q[part], K[part].swapaxes(-1, -2), P[part])
        keep, bias = (X if X is None or X.shape[0] == 1 else X[part] for X in masks)
        be.kernels.attention_softmax_forward(S, keep, bias, scale, causal, safe, S)
        if p:
            S = _dropped(be, S, p, place, part, None if D is None else D[part])
        be.batched_gemm(S, V[part], Y[part])
    return P, place, D if p else P


def _gradients(
    be: Any,
    dY: Any,
    dD: Any,
    heads: Any,
    P: Any,
    scale: float,
    p: float,
    place: Any,
    outs: Any,
    of_bias: bool,
) -> Any:
    """Writes dQ, dK and dV, those that are wanted; returns dS if the bias wants its gradient."""
    (Q, K, V), (dQ, dK, dV) = heads, outs
    dS = be.empty(P.shape, P.dtype) if of_bias else None
    for part in _parts(be, P, p):
        weights = P[part]
        if dV is not None:
            D = _dropped(be, weights, p, place, part) if p else weights
            be.batched_gemm(D.swapaxes(-1, -2), dY[part], dV[part])
        if dQ is None and dK is None and not of_bias:
            continue
        out = None if dS is None else dS[part]
        dP = be.batched_gemm(dY[part], V[part].swapaxes(-1, -2), out)
        if dD is not None:
            dP += dD[part]
        if p:
            _dropped(be, dP, p, place, part, dP)
        be.kernels.attention_softmax_backward(dP, weights, 1.0 if of_bias else scale, dP)
        if of_bias:
            dP = dP * scale
        if dQ is not None:
            be.batched_gemm(dP, K[part], dQ[part])
        if dK is not None:
            be.batched_gemm(dP.swapaxes(-1, -2), Q[part], dK[part])
    return dS


def _parts(be: Any, P: Any, p: float) -> list[slice]:
    """Samples whose scores stay in the cache from one product to the next."""
    N, of_sample = P.shape[0], math.prod(P.shape[1:])
    step = N
    # The dropout's numbers come in fours.
    if be.cache_bytes is not None and of_sample and not (p and of_sample % 4):
        step = max(1, be.cache_bytes // (of_sample * P.itemsize))
    return [slice(i, i + step) for i in range(0, N, step)] if step else []


def _dropped(be: Any, X: Any, p: float, place: Any, part: slice, out: Any = None) -> Any:
    """`X`, which is `part` of all weights, after the dropout."""
    state, offset = place
    offset += part.start * math.prod(X.shape[1:]) // 4
    D = be.empty(X.shape, X.dtype) if out is None else out
    be.kernels.dropout(X.reshape(-1), p, state, offset, D.reshape(-1))
    return D


# --- shapes --------------------------------------------------------------------------------------


def _with_heads(X: Any) -> Any:
    """`X`, of shape (..., L, E), with two axes in front."""
    if X.ndim == 4:
        return X
    if X.ndim > 4:
        return X.reshape(-1, *X.shape[-3:])
    return X[:, None] if X.ndim == 3 else X[None, None]


def _room(be: Any, X: Any, features: int, merged: bool) -> Any:
    """Memory for (N, H, L, features); if `merged`, the heads of a token are one piece of it."""
    N, H, L, _ = X.shape
    if merged:
        return be.empty((N, L, H, features), X.dtype).transpose(0, 2, 1, 3)
    return be.empty((N, H, L, features), X.dtype)


def _mask(be: Any, X: Any, front: tuple[int, ...], T: int) -> Any:
    """A mask that broadcasts to (..., L, T), as the kernels take it: four axes, the last of T."""
    xp = be.xp
    X = X.reshape((1,) * (len(front) + 2 - X.ndim) + X.shape)
    if len(front) > 2:
        X = xp.broadcast_to(X, (*front, *X.shape[-2:]))
    X = _with_heads(X)
    return be.contiguous(X if X.shape[3] == T else xp.broadcast_to(X, (*X.shape[:3], T)))


def _split(
    packed: Any, heads: int, batch_first: bool, parts: tuple[int, ...] | None = None
) -> list[Any]:
    """The views of shape (N, H, L, E) of what stands side by side in each array."""
    parts = parts or {1: (3,), 2: (1, 2), 3: (1, 1, 1)}[len(packed)]
    views: list[Any] = []
    for X, count in zip(packed, parts):
        a, b, features = X.shape
        apart = X.reshape(a, b, count, heads, features // (count * heads))
        views += list(apart.transpose((2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4)))
    return views
