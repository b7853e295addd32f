"""A model that translates: encoder and decoder, with attention between them.

``encode(sources, lengths)`` returns a tuple of tensors, a row for each source, from which
``next_scores(memory, beginnings)`` and ``attention`` go on; see `decode`.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..functions.joining import cat
from ..nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["AttentionTranslator"]

#: The number of the padding token in both vocabularies.
_PADDING = 0


class AttentionTranslator(nn.Module):
    """A bidirectional LSTM reads; another LSTM writes, and looks at what was read by attention.

    Each word follows from the state of the writing LSTM and from what its attention finds::

        scores = W_o tanh(W_c [state, context] + b_c) + b_o

    Parameters
    ----------
    source_words, target_words : int
    embedding, hidden : int
    dropout : float

    Source: D. Bahdanau, K. Cho and Y. Bengio, 2015; M. Luong, H. Pham and C. Manning, "Effective
    approaches to attention-based neural machine translation", 2015, whose attention comes after
    the recurrent layer, so that this runs over a whole sentence at once.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        embedding: int = 256,
        hidden: int = 512,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.source = nn.Embedding(source_words, embedding, padding_idx=_PADDING)
        self.target = nn.Embedding(target_words, embedding, padding_idx=_PADDING)
        self.encoder = nn.LSTM(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.attend = nn.AdditiveAttention(hidden, hidden, embedding)
        self.combine = nn.Linear(2 * hidden, embedding)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(embedding, target_words)

    def forward(self, sources: Any, lengths: Any, targets: Any) -> Any:
        """Scores (N, L, V) of the words that follow each beginning of `targets` (N, L)."""
        return self.output(self._decoded(self.encode(sources, lengths), targets)[0])

    def encode(self, sources: Any, lengths: Any) -> tuple[Any, ...]:
        """What was read (N, S, D), where there was nothing, and the state to write from."""
        embedded = self.dropout(self.source(sources))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        packed, (h, c) = self.encoder(packed)
        read, _ = pad_packed_sequence(packed, batch_first=True, total_length=sources.shape[1])
        return read, sources == _PADDING, cat([h[0], h[1]], 1), cat([c[0], c[1]], 1)

    def next_scores(self, memory: tuple[Any, ...], beginnings: Any) -> Any:
        """Scores (N, V) of the word that comes next."""
        return self.output(self._decoded(memory, beginnings)[0][:, -1])

    def attention(self, sources: Any, lengths: Any, targets: Any) -> Any:
        """The weights (N, L, S) with which each source word is looked at for each next word."""
        return self._decoded(self.encode(sources, lengths), targets)[1]

    def _decoded(self, memory: tuple[Any, ...], targets: Any) -> tuple[Any, Any]:
        read, nothing, h, c = memory
        embedded = self.dropout(self.target(targets))
        states, _ = self.decoder(embedded, (h.unsqueeze(0), c.unsqueeze(0)))
        context, weights = self.attend(states, read, key_padding_mask=nothing)
        combined = self.combine(cat([states, context], 2)).tanh()
        return self.dropout(combined), weights
