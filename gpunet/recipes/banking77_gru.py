"""Questions to a bank (banking77) word by word, with the telling words stressed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from ..backend import Device
from ..functions.data import from_numpy
from ..functions.joining import cat
from ..nn.utils.rnn import pack_padded_sequence
from ..optim.lr_scheduler import OneCycleLR
from ..text import BucketBatchSampler, TfIdf, Vocabulary, padded
from ..utils.data import DataLoader, Dataset
from .recipe import Settings
from .run import Run
from .sequence_trainer import SequenceRecipe

__all__ = ["RECIPE", "Questions", "WeightedGRU"]


class WeightedGRU(nn.Module):
    """A bidirectional GRU over embeddings that are multiplied by how telling their words are.

    ``scores = W [h_forward, h_backward] + b``, of the states after the last and the first word.

    Parameters
    ----------
    weights : array of shape (V,)
        By which the embedding of each word is multiplied; 0 for padding.
    classes, embedding, hidden : int
    dropout : float
    """

    stress: Any

    def __init__(
        self,
        weights: np.ndarray,
        classes: int,
        embedding: int = 128,
        hidden: int = 128,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.embedding = nn.Embedding(len(weights), embedding, padding_idx=0)
        self.register_buffer("stress", from_numpy(weights.astype(np.float32)[:, None]))
        self.gru = nn.GRU(embedding, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden, classes)

    def forward(self, words: Any, lengths: Any) -> Any:
        """Scores (N, classes) of texts (N, L), of which the first `lengths` words count."""
        stressed = self.embedding(words) * self.stress[words]
        packed = pack_padded_sequence(
            self.dropout(stressed), lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed)
        return self.output(self.dropout(cat([last[0], last[1]], 1)))


class Questions(Dataset):
    """Texts as numbers of words, and their classes.

    Parameters
    ----------
    texts : sequence of int64 arrays
    labels : int64 array of shape (N,)
    """

    def __init__(self, texts: Sequence[np.ndarray], labels: np.ndarray):
        self.texts = texts
        self.labels = labels

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.texts[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.texts)


def _collate(samples: Sequence[tuple[np.ndarray, int]]) -> list[Any]:
    """A mini-batch: words (N, L), lengths, classes; the lengths stay on the host."""
    words, lengths = padded([text for text, _ in samples])
    return [from_numpy(words), lengths, from_numpy(np.array([label for _, label in samples]))]


class Banking77GRU(SequenceRecipe):
    """Each word's weight is its inverse document frequency, of the mean 1 over the training texts.

    The term frequency needs no factor of its own: a word that comes twice is read twice.
    """

    name = "banking77-gru"
    description = "77 intents of short texts: embeddings times TF-IDF, bidirectional GRU"
    settings = Settings(epochs=12, batch_size=64, lr=0.003)

    vocabulary: Vocabulary
    stress: np.ndarray

    def data(self, folder: Path | None) -> tuple[Questions, Questions]:  # type: ignore[override]
        from ..datasets import load_banking77

        texts = load_banking77(folder)
        self.classes = texts.classes
        self.vocabulary = Vocabulary.build(texts.train_texts, "words", start=None, end=None)
        train = self._encoded(texts.train_texts, texts.train_labels)
        stress = TfIdf("words").fit(texts.train_texts).weights_of(self.vocabulary.tokens)
        stress /= stress[np.concatenate(train.texts)].mean()
        stress[self.vocabulary.padding] = 0
        self.stress = stress
        return train, self._encoded(texts.test_texts, texts.test_labels)

    def _encoded(self, texts: Sequence[str], labels: np.ndarray) -> Questions:
        return Questions([self.vocabulary.encode(text) for text in texts], labels)

    def loader(self, dataset: Any, batch_size: int, device: Device, shuffle: bool) -> DataLoader:
        sampler = BucketBatchSampler([len(text) for text in dataset.texts], batch_size, shuffle)
        return DataLoader(dataset, batch_sampler=sampler, collate_fn=_collate, device=device)

    def model(self) -> nn.Module:
        return WeightedGRU(self.stress, 77)

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.AdamW(parameters, lr=settings.lr, weight_decay=0.01)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def keep(self, folder: Path) -> None:
        self.vocabulary.save(folder / "vocabulary.json")

    def restore(self, folder: Path) -> None:
        self.vocabulary = Vocabulary.load(folder / "vocabulary.json")
        self.stress = np.ones(len(self.vocabulary), np.float32)  # the model's state has it

    def remarks(self, run: Run) -> list[str]:
        from .evaluation import answers, confusion, macro_f1

        counts = confusion(*answers(run), len(self.classes))
        return [f"macro-F1 {macro_f1(counts):.4f}, the mean over {len(self.classes)} classes"]


RECIPE = Banking77GRU()
