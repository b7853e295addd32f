"""Questions to a bank (banking77) by which words they hold: TF-IDF weights into a perceptron."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..functions.data import from_numpy
from ..optim.lr_scheduler import OneCycleLR
from ..text import TfIdf
from ..utils.data import TensorDataset
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["RECIPE"]


class Banking77Bag(Recipe):
    """The order of the words is not seen; how telling each is decides how much it counts."""

    name = "banking77-bag"
    description = "77 intents of short texts: TF-IDF of words, perceptron V-512-77"
    settings = Settings(epochs=12, batch_size=64, lr=0.004)

    def __init__(self) -> None:
        self.weights: TfIdf | None = None

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_banking77

        texts = load_banking77(folder)
        self.classes = texts.classes
        self.weights = TfIdf("words", sublinear=True)
        train = self.weights.fit_transform(texts.train_texts)
        test = self.weights.transform(texts.test_texts)
        return (
            TensorDataset(from_numpy(train), from_numpy(texts.train_labels)),
            TensorDataset(from_numpy(test), from_numpy(texts.test_labels)),
        )

    def model(self) -> nn.Module:
        assert self.weights is not None
        return nn.Sequential(
            nn.Linear(len(self.weights.terms), 512),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(512, 77),
        )

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def keep(self, folder: Path) -> None:
        assert self.weights is not None
        self.weights.save(folder / "tfidf.json")

    def restore(self, folder: Path) -> None:
        self.weights = TfIdf.load(folder / "tfidf.json")

    def remarks(self, run: Run) -> list[str]:
        from .evaluation import answers, confusion, macro_f1

        counts = confusion(*answers(run), len(self.classes))
        return [f"macro-F1 {macro_f1(counts):.4f}, the mean over {len(self.classes)} classes"]


RECIPE = Banking77Bag()
