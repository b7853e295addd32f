"""Handwritten digits of 28x28 pixels (MNIST) with a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..optim.lr_scheduler import OneCycleLR
from ..utils.data import TensorDataset
from .images import datasets_of
from .recipe import Recipe, Settings

__all__ = ["RECIPE"]


class MnistMLP(Recipe):
    """One hidden layer, Adam."""

    name = "mnist-mlp"
    description = "multilayer perceptron 784-128-10, Adam, one cycle of the learning rate"
    settings = Settings(epochs=10, batch_size=128, lr=0.004)
    classes = tuple("0123456789")
    image_shape = (1, 28, 28)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_mnist

        return datasets_of(load_mnist(folder))

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)


RECIPE = MnistMLP()
