"""The softmax of attention: scores scaled and masked, over the keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._namespace import namespace

__all__ = ["attention_softmax_backward", "attention_softmax_forward"]

_quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@_quiet
def attention_softmax_forward(
    S: Any, keep: Any, bias: Any, scale: float, causal: bool, safe: bool, P: Any
) -> None:
    """``P[n, h, l, :] = softmax(Z[n, h, l, :])`` with the masked scores::

        Z[n, h, l, t] = scale S[n, h, l, t] + bias[n, h, l, t]    where query l may see key t
                      = -inf                                      elsewhere

    Parameters
    ----------
    S : array of shape (N, H, L, T)
        The products of queries and keys, float32 or float64, C-contiguous: samples, heads,
        queries, keys.
    keep : bool array of shape (N or 1, H or 1, L or 1, T), or None
        Which keys a query may see; None for all. C-contiguous.
    bias : array of shape (N or 1, H or 1, L or 1, T), or None
        None for zeros. C-contiguous.
    scale : float
    causal : bool
        Whether query l sees the keys 0 to l only.
    safe : bool
        Whether the rows of queries that see nothing are zeros; otherwise they are NaN, which is
        what the formula gives.
    P : array of shape (N, H, L, T)
        Output. May be `S`.
    """
    if not S.size:
        return
    xp = namespace(S)
    L, T = S.shape[2:]
    low = S.dtype.type(-np.inf)
    xp.multiply(S, S.dtype.type(scale), out=P)
    if bias is not None:
        xp.add(P, bias, out=P)
    if keep is not None:
        xp.copyto(P, xp.where(keep, P, low))
    if causal:
        xp.copyto(P, xp.where(xp.arange(T) <= xp.arange(L)[:, None], P, low))
    high = P.max(axis=3, keepdims=True)
    if safe:
        high = xp.where(high == low, S.dtype.type(0), high)
    xp.subtract(P, high, out=P)
    xp.exp(P, out=P)
    total = P.sum(axis=3, keepdims=True)
    if safe:
        total = xp.where(total == 0, S.dtype.type(1), total)
    xp.divide(P, total, out=P)


@_quiet
def attention_softmax_backward(dP: Any, P: Any, scale: float, dS: Any) -> None:
    """``dS[.., t] = scale P[.., t] (dP[.., t] - sum_k dP[.., k] P[.., k])``, two dots for n, h, l.

    Parameters
    ----------
    dP, P : array of shape (N, H, L, T)
        The gradient of the output, and the output of `attention_softmax_forward`.
    scale : float
    dS : array of shape (N, H, L, T)
        Output. May be `dP`.
    """
    xp = namespace(dP)
    inner = (dP * P).sum(axis=3, keepdims=True)
    xp.subtract(dP, inner, out=dS)
    xp.multiply(dS, P, out=dS)
    xp.multiply(dS, dS.dtype.type(scale), out=dS)
