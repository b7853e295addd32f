"""Shakespeare, character by character: which comes next?

Source: A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from ..backend import Device
from ..functions.data import from_numpy
from ..nn.functional import cross_entropy
from ..optim.lr_scheduler import OneCycleLR
from ..text import Vocabulary
from ..train import Trainer
from ..utils.data import DataLoader, TensorDataset
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["RECIPE", "CharacterModel", "following"]

#: Characters that one step learns from in a row; each window begins with the state zero.
_WINDOW = 64
#: The same where it is measured: so long that the beginning hardly counts.
_MEASURED = 1024
#: The last of so many parts is held out.
_PARTS = 10


class CharacterModel(nn.Module):
    """Embedding, LSTM, and scores for the next character.

    Parameters
    ----------
    symbols : int
        V.
    embedding, hidden : int
    dropout : float
        Of the LSTM's outputs.
    """

    def __init__(self, symbols: int, embedding: int = 64, hidden: int = 256, dropout: float = 0.1):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, symbols)

    def forward(self, tokens: Any) -> Any:
        """From characters (N, L) to scores (N, L, V) of those that follow each."""
        return self.go_on(tokens)[0]

    def go_on(self, tokens: Any, state: Any = None) -> tuple[Any, Any]:
        """Scores, and the state from which the text goes on."""
        outputs, state = self.lstm(self.embedding(tokens), state)
        return self.output(self.dropout(outputs)), state


def following(numbers: np.ndarray, length: int) -> TensorDataset:
    """Windows of a text without overlap, and the same moved on by one; the rest is left out."""
    count = (len(numbers) - 1) // length
    cut = [numbers[i : i + count * length].reshape(count, length) for i in (0, 1)]
    return TensorDataset(*[from_numpy(np.ascontiguousarray(part)) for part in cut])


def _next_character(scores: Any, targets: Any) -> Any:
    """Mean cross-entropy in nats of scores (N, L, V) and characters (N, L)."""
    return cross_entropy(scores.flatten(0, 1), targets.flatten())


class Shakespeare(Recipe):
    """The last tenth of the text is held out."""

    name = "shakespeare"
    description = "the next character of Shakespeare: embedding 64, LSTM 256"
    settings = Settings(epochs=6, batch_size=32, lr=0.005)
    metrics: Mapping[str, Callable[[Any, Any], Any]] = {}

    def __init__(self) -> None:
        self.vocabulary: Vocabulary | None = None

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_shakespeare

        text = load_shakespeare(folder)
        self.vocabulary = Vocabulary(sorted(set(text)), "characters")
        numbers = self.vocabulary.encode(text)
        known = len(numbers) - len(numbers) // _PARTS
        return following(numbers[:known], _WINDOW), following(numbers[known:], _MEASURED)

    def loader(
        self, dataset: Any, batch_size: int, device: Device, shuffle: bool
    ) -> DataLoader | None:
        # Held-out windows are long: not a thousand of them at once.
        return None if shuffle else DataLoader(dataset, 32, device=device)

    def model(self) -> nn.Module:
        assert self.vocabulary is not None
        return CharacterModel(len(self.vocabulary))

    def loss(self) -> Callable[[Any, Any], Any]:
        return _next_character

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def trainer(self, settings: Settings, device: Device, batches: int) -> Trainer:
        trainer = super().trainer(settings, device, batches)
        trainer.max_norm = 1.0
        return trainer

    def words(self, inputs: Any) -> list[str]:
        assert self.vocabulary is not None
        shown = {"\n": "\u21b5", " ": "\u2423", "$": r"\$"}
        signs = [self.vocabulary.tokens[number] for number in inputs.tolist()]
        return [shown.get(sign, sign) for sign in signs]

    def keep(self, folder: Path) -> None:
        assert self.vocabulary is not None
        self.vocabulary.save(folder / "vocabulary.json")

    def restore(self, folder: Path) -> None:
        self.vocabulary = Vocabulary.load(folder / "vocabulary.json")

    def remarks(self, run: Run) -> list[str]:
        from .generation import generate

        assert self.vocabulary is not None
        nats = run.trainer.evaluate(run.held_out)["loss"]
        text = generate(run.module, self.vocabulary, "\n", 200, seed=0)
        return [
            f"{nats:.4f} nats or {nats / math.log(2):.4f} bits per character held out; it writes:",
            *text.strip("\n").split("\n"),
        ]


RECIPE = Shakespeare()
