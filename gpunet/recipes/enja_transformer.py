"""English to Japanese by a small Transformer."""

from __future__ import annotations

from .. import nn
from .recipe import Settings
from .transformer_translator import TransformerTranslator
from .translation import Translation

__all__ = ["RECIPE"]


class EnJaTransformer(Translation):
    """Two layers on each side, of 256 features."""

    name = "enja-transformer"
    description = "English to Japanese: Transformer, 2 + 2 layers of 256 features, 4 heads"
    settings = Settings(epochs=10, batch_size=64, lr=0.001)

    def model(self) -> nn.Module:
        return TransformerTranslator(len(self.source), len(self.target))


RECIPE = EnJaTransformer()
