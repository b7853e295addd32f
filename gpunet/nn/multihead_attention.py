"""Attention of several heads."""

from __future__ import annotations

from typing import Any

from ..functions.conversion import cast
from ..functions.creation import beside, zeros
from ..functions.joining import cat
from ..functions.pad import pad
from ..functions.repeating import expand
from ..functions.shape import reshape, squeeze, unsqueeze
from ..functions.splitting import split
from . import init
from .functional.attention import multi_head
from .functional.dropout import check_probability
from .functional.linear import linear
from .linear import Linear
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """``concat(head_1, ..., head_H) W_o^T + b_o`` with heads of E features each::

        head_h = softmax(Q_h K_h^T / sqrt(E)) V_h
        Q = query W_q^T + b_q,   K = key W_k^T + b_k,   V = value W_v^T + b_v

    Parameters
    ----------
    embed_dim : int
        H E, the features of query and output.
    num_heads : int
        H, which divides `embed_dim`.
    dropout : float
        The probability with which a weight is dropped in training. Default: 0.
    bias : bool
        Whether the projections have biases. Default: True.
    add_bias_kv : bool
        Whether a learned key and value stand behind those of the input. Default: False.
    add_zero_attn : bool
        Whether a key and value of zeros stand behind all others. Default: False.
    kdim, vdim : int, optional
        Features of key and value; `embed_dim` by default.
    batch_first : bool
        Whether sequences have shape (N, L, ...) rather than (L, N, ...). Default: False.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    in_proj_weight : Parameter of shape (3 embed_dim, embed_dim), or None
        W_q, W_k and W_v, where key and value have `embed_dim` features.
    q_proj_weight, k_proj_weight, v_proj_weight : Parameter of shape (embed_dim, features), or None
        The three otherwise.
    in_proj_bias : Parameter of shape (3 embed_dim,), or None
    bias_k, bias_v : Parameter of shape (1, 1, embed_dim), or None
    out_proj : Linear

    Raises
    ------
    ValueError, AssertionError
        If the sizes are not positive, or `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al., Attention Is All You Need, 2017.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        check_probability(dropout)
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        place = {"device": device, "dtype": dtype}
        same = self.kdim == embed_dim == self.vdim
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            parameter = None if shape is None else empty_parameter(*shape, **place)
            self.register_parameter(name, parameter)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, **place)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the input's weights by Xavier's rule; biases start as zeros."""
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        for vector in (self.in_proj_bias, self.out_proj.bias):
            if vector is not None:
                init.zeros_(vector)
        for vector in (self.bias_k, self.bias_v):
            if vector is not None:
                init.xavier_normal_(vector)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Attention of `query` to `key` and `value`.

        Parameters
        ----------
        query : Tensor of shape (L, N, embed_dim), (N, L, embed_dim), or (L, embed_dim)
        key, value : Tensor of shape (T, N, kdim) and (T, N, vdim), likewise
        key_padding_mask : Tensor of shape (N, T) or (T,), optional
            Truth values, true for keys that do not count; or numbers to add.
        need_weights : bool
            Whether to return the weights. Without, the rows of queries that see no key are zeros
            before the last projection; with them they are NaN, as in PyTorch.
        attn_mask : Tensor of shape (L, T) or (N H, L, T), optional
            Truth values, true where query l may not see key t; or numbers to add.
        average_attn_weights : bool
            Whether the weights are averaged over the heads.
        is_causal : bool
            That `attn_mask` is the causal one: it is then not read where it need not be.

        Returns
        -------
        output : Tensor of the shape of `query`
        weights : Tensor of shape (N, L, T), or (N, H, L, T) without averaging, or None
            Without N for a query of two axes. After the dropout.

        Raises
        ------
        RuntimeError
            If shapes do not fit, or `is_causal` is said of no mask.
        """
        batched = query.array.ndim == 3
        axis = 0 if self.batch_first else 1
        same = query is key, key is value
        if not batched:
            query, key, value = (unsqueeze(x, axis) for x in (query, key, value))
            if key_padding_mask is not None:
                key_padding_mask = unsqueeze(key_padding_mask, 0)
        self._check(query, key, value, key_padding_mask, attn_mask, is_causal)
        causal = is_causal and key_padding_mask is None and not need_weights
        keep, bias = self._masks(query, key_padding_mask, None if causal else attn_mask)
        packed = self._project(query, key, value, *same)
        if self.bias_k is not None or self.add_zero_attn:
            packed, keep, bias = self._append(packed, keep, bias)
        output, weights = multi_head(
            packed, bias, need_weights, self.dropout if self.training else 0.0,
            heads=self.num_heads, batch_first=self.batch_first, keep=keep, causal=causal,
        )  # fmt: skip
        output = linear(output, self.out_proj.weight, self.out_proj.bias)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            output = squeeze(output, axis)
            weights = None if weights is None else squeeze(weights, 0)
        return output, weights

    def _check(
        self, query: Any, key: Any, value: Any, padding: Any, mask: Any, is_causal: bool
    ) -> None:
        Q, K, V = query.array, key.array, value.array
        sizes = (self.embed_dim, self.kdim, self.vdim)
        one, other = (0, 1) if self.batch_first else (1, 0)
        if (
            not Q.ndim == K.ndim == V.ndim == 3
            or (Q.shape[2], K.shape[2], V.shape[2]) != sizes
            or not Q.shape[one] == K.shape[one] == V.shape[one]
            or K.shape[other] != V.shape[other]
        ):
            shape = "(N, L, ...)" if self.batch_first else "(L, N, ...)"
            raise RuntimeError(
                f"MultiheadAttention: expected query, key and value of shape {shape} with {sizes} "
                f"features, key and value of one length, got {Q.shape}, {K.shape} and {V.shape}"
            )
        N, L, T = Q.shape[one], Q.shape[other], K.shape[other]
        if padding is not None and padding.array.shape != (N, T):
            raise RuntimeError(
                f"MultiheadAttention: key_padding_mask: expected shape {(N, T)}, "
                f"got {padding.array.shape}"
            )
        if mask is None:
            if is_causal:
                raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        elif mask.array.shape not in ((L, T), (N * self.num_heads, L, T)):
            raise RuntimeError(
                f"MultiheadAttention: attn_mask: expected shape {(L, T)} or "
                f"{(N * self.num_heads, L, T)}, got {mask.array.shape}"
            )

    def _masks(self, query: Any, padding: Any, mask: Any) -> tuple[Any, Any]:
        """What a query may see, a raw array, and what is added to its scores; both of 4 axes."""
        keep = bias = None
        if mask is not None:
            L, T = mask.array.shape[-2:]
            front = (1, 1) if mask.array.ndim == 2 else (-1, self.num_heads)
            mask = reshape(mask, (*front, L, T))
        if padding is not None:
            padding = reshape(padding, (padding.array.shape[0], 1, 1, -1))
        for one in (mask, padding):
            if one is None:
                continue
            if one.array.dtype == bool:
                keep = ~one.array if keep is None else keep & ~one.array
            else:
                one = cast(one, query.array.dtype)
                bias = one if bias is None else bias + one
        return keep, bias

    def _project(
        self, query: Any, key: Any, value: Any, one_source: bool, keys_are_values: bool
    ) -> tuple[Any, ...]:
        """Queries, keys and values, side by side where they come from one tensor."""
        weight, bias, E = self.in_proj_weight, self.in_proj_bias, self.embed_dim
        separate = self.bias_k is not None or self.add_zero_attn
        if weight is not None and keys_are_values and not separate:
            if one_source:
                return (linear(query, weight, bias),)
            W = split(weight, [E, 2 * E])
            b = (None, None) if bias is None else split(bias, [E, 2 * E])
            return linear(query, W[0], b[0]), linear(key, W[1], b[1])
        if weight is not None:
            W = split(weight, E)
        else:
            W = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        b = (None, None, None) if bias is None else split(bias, E)
        return tuple([linear(x, *pair) for x, *pair in zip((query, key, value), W, b)])

    def _append(self, packed: tuple[Any, ...], keep: Any, bias: Any) -> tuple[Any, Any, Any]:
        """The learned key and value and those of zeros, which every query sees."""
        Q, K, V = packed
        axis = 1 if self.batch_first else 0
        more = 0
        one = [1 if i == axis else n for i, n in enumerate(K.array.shape)]
        if self.bias_k is not None and self.bias_v is not None:
            K = cat([K, expand(self.bias_k, one)], axis)
            V = cat([V, expand(self.bias_v, one)], axis)
            more += 1
        if self.add_zero_attn:
            K, V = (cat([x, beside(zeros, x, one)], axis) for x in (K, V))
            more += 1
        if keep is not None:
            keep = pad(type(Q)(keep), (0, more), value=True).array
        return (Q, K, V), keep, None if bias is None else pad(bias, (0, more))
