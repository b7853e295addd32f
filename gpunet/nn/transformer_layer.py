"""The layers of the Transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dropout import Dropout
from .functional.activation import gelu, relu
from .functional.linear import linear_act
from .linear import Linear
from .module import Module
from .multihead_attention import MultiheadAttention
from .norm import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

_ACTIVATIONS = {"relu": relu, "gelu": gelu}


class _Layer(Module):
    """What both layers share: the two linear maps behind the attention, and the settings."""

    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _set(self, activation: Any, norm_first: bool) -> None:
        if isinstance(activation, str):
            if activation not in _ACTIVATIONS:
                raise RuntimeError(
                    f'activation: expected "relu", "gelu" or a function, got {activation!r}'
                )
            activation = _ACTIVATIONS[activation]
        self.norm_first = norm_first
        self.activation = activation

    def _hidden(self, x: Any) -> Any:
        if self.activation is relu and self.linear1._hooks is None:
            return linear_act(x, self.linear1.weight, self.linear1.bias, "relu")
        return self.activation(self.linear1(x))

    def _feed_forward(self, x: Any) -> Any:
        return self.linear2(self.dropout(self._hidden(x)))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear maps with an activation between; each added to its input::

        Y = norm1(X + attention(X))        or, with norm_first,    Y = X + attention(norm1(X))
        Z = norm2(Y + feed_forward(Y))                             Z = Y + feed_forward(norm2(Y))

    Parameters
    ----------
    d_model : int
        The features of input and output.
    nhead : int
        Heads of the attention; divides `d_model`.
    dim_feedforward : int
        Features between the two linear maps. Default: 2048.
    dropout : float
        Of the attention's weights, between the linear maps, and of what is added. Default: 0.1.
    activation : {"relu", "gelu"} or callable
        Default: ReLU.
    layer_norm_eps : float
        Default: 1e-5.
    batch_first : bool
        Whether sequences have shape (N, L, d_model) rather than (L, N, d_model). Default: False.
    norm_first : bool
        Default: False.
    bias : bool
        Whether linear maps and norms have biases. Default: True.
    device, dtype : optional
        Of the parameters.

    Raises
    ------
    RuntimeError
        For an unknown `activation`.

    Source: Vaswani et al., Attention Is All You Need, 2017; `norm_first`: Xiong et al., On Layer
    Normalization in the Transformer Architecture, 2020.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias=bias, batch_first=batch_first, **place
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self._set(activation, norm_first)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """The output for `src`; masks as of `MultiheadAttention`."""

        def attend(x: Any) -> Any:
            return self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )[0]

        x = src
        if self.norm_first:
            x = x + self.dropout1(attend(self.norm1(x)))
            return x + self.dropout2(self._feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout1(attend(x)))
        return self.norm2(x + self.dropout2(self._feed_forward(x)))


class TransformerDecoderLayer(_Layer):
    """As `TransformerEncoderLayer`, with attention to the encoder's output in the middle::

        Y = norm1(X + self_attention(X))
        Z = norm2(Y + attention(Y, memory))
        output = norm3(Z + feed_forward(Z))

    or, with ``norm_first``, each norm on the way into its part. Parameters as of the encoder's.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn, self.multihead_attn = (
            MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **place)
            for _ in range(2)
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm1, self.norm2, self.norm3 = (
            LayerNorm(d_model, layer_norm_eps, bias=bias, **place) for _ in range(3)
        )
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))
        self._set(activation, norm_first)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """The output for `tgt` and the encoder's output `memory`."""

        def attend_self(x: Any) -> Any:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )[0]

        def attend(x: Any) -> Any:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask,
                is_causal=memory_is_causal,
            )[0]  # fmt: skip

        x = tgt
        if self.norm_first:
            x = x + self.dropout1(attend_self(self.norm1(x)))
            x = x + self.dropout2(attend(self.norm2(x)))
            return x + self.dropout3(self._feed_forward(self.norm3(x)))
        x = self.norm1(x + self.dropout1(attend_self(x)))
        x = self.norm2(x + self.dropout2(attend(x)))
        return self.norm3(x + self.dropout3(self._feed_forward(x)))
