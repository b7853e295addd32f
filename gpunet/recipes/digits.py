"""Handwritten digits of 8x8 pixels with a multilayer perceptron: the recipe to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..datasets import load_digits
from ..utils.data import TensorDataset
from .images import datasets_of
from .recipe import Recipe, Settings

__all__ = ["RECIPE"]


class Digits(Recipe):
    """Multilayer perceptron on the embedded digits."""

    name = "digits"
    description = "multilayer perceptron 64-256-128-10, labels smoothed by 0.1"
    settings = Settings(epochs=30, batch_size=32, lr=0.05)
    classes = tuple("0123456789")
    image_shape = (1, 8, 8)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        return datasets_of(load_digits())

    def model(self) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    def loss(self) -> nn.Module:
        # Smoothing the labels halves the error, where dropout makes no difference.
        return nn.CrossEntropyLoss(label_smoothing=0.1)

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.SGD(parameters, lr=settings.lr, momentum=0.9)


RECIPE = Digits()
