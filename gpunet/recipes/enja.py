"""English to Japanese by an encoder-decoder with attention."""

from __future__ import annotations

from .. import nn
from .attention_translator import AttentionTranslator
from .recipe import Settings
from .translation import Translation

__all__ = ["RECIPE"]


class EnJa(Translation):
    """LSTMs and Bahdanau's attention."""

    name = "enja"
    description = "English to Japanese: LSTM encoder, LSTM decoder, additive attention"
    settings = Settings(epochs=8, batch_size=64, lr=0.002)

    def model(self) -> nn.Module:
        return AttentionTranslator(len(self.source), len(self.target))


RECIPE = EnJa()
