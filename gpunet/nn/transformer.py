"""Stacks of the Transformer's layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import backend_for
from ..functions.creation import element_type, made, place
from . import init
from .container import ModuleList
from .functional.activation import relu
from .module import Module
from .norm import LayerNorm
from .transformer_layer import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one behind the other, and a last norm.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        Is copied; itself it is not part of the encoder.
    num_layers : int
    norm : Module, optional
    enable_nested_tensor, mask_check : bool
        Accepted for PyTorch's sake; there are no nested tensors.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Any:
        """The output for `src`; `is_causal` says that `mask` is the causal one."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one behind the other, and a last norm.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        Is copied; itself it is not part of the decoder.
    num_layers : int
    norm : Module, optional
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The output for `tgt` and the encoder's output `memory`."""
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                bool(tgt_is_causal), memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder: sequences to sequences.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, \
bias, device, dtype
        As of `TransformerEncoderLayer`. Default: 512 features, 8 heads.
    num_encoder_layers, num_decoder_layers : int
        Default: 6.
    custom_encoder, custom_decoder : Module, optional
        In place of `TransformerEncoder` and `TransformerDecoder`.

    Weights are drawn by Xavier's rule. Embeddings, positions and the map to words are not part
    of it; see `SinusoidalPositions`.

    Source: Vaswani et al., Attention Is All You Need, 2017.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        layer = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*layer), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*layer), num_decoder_layers, norm()
        )
        for parameter in self.parameters():
            if parameter.array.ndim > 1:
                init.xavier_uniform_(parameter)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The decoder's output for the target `tgt`, of the encoder's output for `src`.

        Raises
        ------
        RuntimeError
            If batch sizes differ or the features are not `d_model`.
        """
        a, b = src.array.shape, tgt.array.shape
        axis = 0 if self.batch_first else 1
        if len(a) == 3 and a[axis] != b[axis]:
            raise RuntimeError(f"the batch number of src and tgt must be equal, got {a} and {b}")
        if a[-1] != self.d_model or b[-1] != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model, which is "
                f"{self.d_model}, got {a} and {b}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """The causal mask of shape (sz, sz): 0 on and below the diagonal, above minus infinity."""
        _, device = place(device)
        mask = np.triu(np.full((sz, sz), -np.inf, element_type(dtype)), 1)
        return made(backend_for(device).from_numpy(mask, device))
