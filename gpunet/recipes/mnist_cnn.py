"""Handwritten digits of 28x28 pixels (MNIST) with a convolutional network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..optim.lr_scheduler import OneCycleLR
from ..utils.data import TensorDataset
from .images import datasets_of
from .recipe import Recipe, Settings

__all__ = ["RECIPE", "features", "network"]


def features() -> nn.Sequential:
    """From images (N, 1, 28, 28) to what two convolutions see in them, (N, 1024)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5),  # 24 x 24
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),  # 8 x 8
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )


def network(classes: int) -> nn.Sequential:
    """The features under two dense layers."""
    return features() + nn.Sequential(
        nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, classes)
    )


class MnistCNN(Recipe):
    """Two convolutions, two poolings, two dense layers."""

    name = "mnist-cnn"
    description = "two 5x5 convolutions of 32 and 64 channels, two poolings, dense 128 and 10"
    settings = Settings(epochs=5, batch_size=128, lr=0.003)
    classes = tuple("0123456789")
    image_shape = (1, 28, 28)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_mnist

        return datasets_of(load_mnist(folder))

    def model(self) -> nn.Module:
        return network(10)

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)


RECIPE = MnistCNN()
