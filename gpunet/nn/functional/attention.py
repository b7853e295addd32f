"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...autograd import Operation, Variable, mixes
from ...backend.rng import CURRENT
from ...dtypes import FLOATING
from ...functions.conversion import cast
from ...functions.repeating import common_shape, expand, repeat_interleave
from ...ops import attention as _ops
from .dropout import check_probability

__all__ = ["masked_softmax", "multi_head", "scaled_dot_product_attention"]

_attention = Operation(
    _ops.attention_forward, _ops.attention_backward, name="scaled_dot_product_attention"
)
_multi_head = Operation(_ops.multi_head_attention_forward, _ops.multi_head_attention_backward)
_multi_head_with_weights = Operation(
    _ops.multi_head_attention_forward, _ops.multi_head_attention_backward, outputs=2
)
_masked_softmax = Operation(_ops.masked_softmax_forward, _ops.masked_softmax_backward)

_HALF = np.dtype("float16")


def scaled_dot_product_attention(
    query: Variable,
    key: Variable,
    value: Variable,
    attn_mask: Variable | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``dropout(softmax(scale Q K^T + mask)) V``, the softmax over the keys.

    The rows of queries that see no key are zeros.

    Parameters
    ----------
    query : Tensor of shape (..., L, E)
    key : Tensor of shape (..., T, E)
    value : Tensor of shape (..., T, F)
    attn_mask : Tensor that broadcasts to (..., L, T), optional
        Truth values, true where query l may see key t; or numbers of the dtype of `query`, which
        are added.
    dropout_p : float
        The probability with which a weight is dropped, whatever the mode of a module.
    is_causal : bool
        Whether query l sees the keys 0 to l only. Then there is no `attn_mask`.
    scale : float, optional
        ``1 / sqrt(E)`` by default.
    enable_gqa : bool
        Whether there may be fewer heads (axis -3) of keys and values than of queries; each then
        serves several neighbouring heads of queries.

    Returns
    -------
    Tensor of shape (..., L, F)

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit, or both `attn_mask` and `is_causal` are given.
    ValueError
        If `dropout_p` is not from 0 to 1.

    Source: Vaswani et al., Attention Is All You Need, 2017.
    """
    name = "scaled_dot_product_attention"
    check_probability(dropout_p)
    Q, K, V = query.array, key.array, value.array
    if enable_gqa and Q.ndim > 2 and Q.shape[-3] != K.shape[-3]:
        key, value = (_for_each_head(x, Q.shape[-3]) for x in (key, value))
        K, V = key.array, value.array
    _check(name, Q, K, V)
    front = Q.shape[:-2]
    if K.shape[:-2] != front or V.shape[:-2] != front:
        front = common_shape([X.shape[:-2] for X in (Q, K, V)])
        query, key, value = (expand(x, (*front, *x.array.shape[-2:])) for x in (query, key, value))
    keep = bias = None
    if attn_mask is not None:
        if is_causal:
            raise RuntimeError(f"{name}: attn_mask must not be given when is_causal=True")
        mask = attn_mask.array
        full = (*front, Q.shape[-2], K.shape[-2])
        if common_shape([full, mask.shape]) != full:
            raise RuntimeError(
                f"{name}: attn_mask of shape {mask.shape} does not broadcast to {full}"
            )
        if mask.dtype == bool:
            keep = mask
        elif mask.dtype == Q.dtype or mixes(mask, Q):
            bias = attn_mask
        else:
            raise RuntimeError(
                f"{name}: attn_mask: expected truth values or the query's dtype {Q.dtype}, "
                f"got {mask.dtype}"
            )
    if scale is None:
        scale = 1 / math.sqrt(Q.shape[-1] or 1)
    options = {
        "keep": keep, "scale": float(scale), "causal": bool(is_causal), "p": float(dropout_p),
        "generator": CURRENT.generator,
    }  # fmt: skip
    if Q.dtype != _HALF or mixes(Q):
        return _attention(query, key, value, bias, **options)
    # The kernels compute in float32 and float64.
    wide = [None if x is None else cast(x, "float32") for x in (query, key, value, bias)]
    return cast(_attention(*wide, **options), _HALF)


def _for_each_head(x: Variable, heads: int) -> Any:
    """Keys or values with each of their heads as often as queries use it."""
    own = x.array.shape[-3]
    if own == 0 or heads % own:
        raise RuntimeError(
            "scaled_dot_product_attention: the number of heads of the query must be a multiple of "
            f"those of key and value, got {heads} and {own}"
        )
    return repeat_interleave(x, heads // own, -3)


def _check(name: str, Q: Any, K: Any, V: Any) -> None:
    if min(Q.ndim, K.ndim, V.ndim) < 2 or Q.shape[-1] != K.shape[-1] or K.shape[-2] != V.shape[-2]:
        raise RuntimeError(
            f"{name}: expected query, key and value of shapes (..., L, E), (..., T, E) and "
            f"(..., T, F), got {Q.shape}, {K.shape} and {V.shape}"
        )
    if mixes(Q, K, V):
        return
    if Q.dtype.kind not in FLOATING or Q.dtype != K.dtype or Q.dtype != V.dtype:
        raise RuntimeError(
            f"{name}: expected query, key and value of one floating-point dtype, got "
            f"{Q.dtype}, {K.dtype} and {V.dtype}"
        )


def masked_softmax(input: Variable, keep: Any) -> Any:
    """``softmax(input)`` over the last axis of (..., L, T), of the places where `keep` is true.

    `keep` is a raw array of truth values that broadcasts to the input's shape, or None. Rows
    without a true one are zeros.
    """
    return _masked_softmax(input, keep=keep)


def multi_head(packed: tuple[Any, ...], bias: Any, weights: bool, p: float, **options: Any) -> Any:
    """The operation of `gpunet.ops.attention.multi_head_attention_forward` on tensors.

    Returns the output and the weights, which are None unless asked for.
    """
    options["p"], options["generator"] = p, CURRENT.generator
    if weights:
        return _multi_head_with_weights(bias, *packed, weights=True, safe=False, **options)
    return _multi_head(bias, *packed, **options), None
