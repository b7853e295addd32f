"""A model that translates: the small Transformer.

``encode(sources, lengths)`` returns a tuple of tensors, a row for each source, from which
``next_scores(memory, beginnings)`` and ``attention`` go on; see `decode`.
"""

from __future__ import annotations

from typing import Any

from .. import nn

__all__ = ["TransformerTranslator"]

#: The number of the padding token in both vocabularies.
_PADDING = 0


class TransformerTranslator(nn.Module):
    """The Transformer with few layers.

    Parameters
    ----------
    source_words, target_words : int
    features, heads, layers, feedforward : int
        `layers` in the encoder, and as many in the decoder.
    dropout : float

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        features: int = 256,
        heads: int = 4,
        layers: int = 2,
        feedforward: int = 512,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.scale = features**0.5
        self.source = nn.Embedding(source_words, features, padding_idx=_PADDING)
        self.target = nn.Embedding(target_words, features, padding_idx=_PADDING)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, 0.0, features**-0.5)
        self.positions = nn.SinusoidalPositions(features, 128, dropout, batch_first=True)
        self.transformer = nn.Transformer(
            features, heads, layers, layers, feedforward, dropout, batch_first=True, norm_first=True
        )
        self.output = nn.Linear(features, target_words)

    def forward(self, sources: Any, lengths: Any, targets: Any) -> Any:
        """Scores (N, L, V) of the words that follow each beginning of `targets` (N, L)."""
        return self.output(self._decoded(self.encode(sources, lengths), targets))

    def encode(self, sources: Any, lengths: Any) -> tuple[Any, ...]:
        """What was read (N, S, D), and where there was nothing."""
        nothing = sources == _PADDING
        embedded = self.positions(self.source(sources) * self.scale)
        return self.transformer.encoder(embedded, src_key_padding_mask=nothing), nothing

    def next_scores(self, memory: tuple[Any, ...], beginnings: Any) -> Any:
        """Scores (N, V) of the word that comes next."""
        return self.output(self._decoded(memory, beginnings)[:, -1])

    def attention(self, sources: Any, lengths: Any, targets: Any) -> Any:
        """The weights (N, L, S) of the last layer, the mean over its heads."""
        attend = self.transformer.decoder.layers[-1].multihead_attn
        asked: list[Any] = []
        handle = attend.register_forward_pre_hook(lambda module, inputs: asked.append(inputs[:4]))
        try:
            memory = self.encode(sources, lengths)
            self._decoded(memory, targets)
        finally:
            handle.remove()
        query, key, value = asked[0][:3]
        return attend(query, key, value, key_padding_mask=memory[1])[1]

    def _decoded(self, memory: tuple[Any, ...], targets: Any) -> Any:
        read, nothing = memory
        mask = self.transformer.generate_square_subsequent_mask(
            targets.shape[1], device=targets.device
        )
        embedded = self.positions(self.target(targets) * self.scale)
        return self.transformer.decoder(
            embedded, read, mask, memory_key_padding_mask=nothing, tgt_is_causal=True
        )
