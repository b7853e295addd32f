"""Handwritten digits of 8x8 pixels with a multilayer perceptron: the recipe to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import nn, optim
from ..backend import backend_for
from ..datasets import load_digits
from ..tensor import Tensor
from ..utils.data import TensorDataset
from .recipe import Recipe, Settings

__all__ = ["RECIPE"]


def _model() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def _data(device: Any) -> tuple[TensorDataset, TensorDataset]:
    put = backend_for(device).from_numpy
    arrays = [Tensor(put(array, device)) for array in load_digits()]
    return TensorDataset(*arrays[:2]), TensorDataset(*arrays[2:])


def _loss() -> nn.Module:
    # Smoothing the labels halves the error, where dropout makes no difference.
    return nn.CrossEntropyLoss(label_smoothing=0.1)


def _optimizer(parameters: Iterable[Any], lr: float) -> optim.Optimizer:
    return optim.SGD(parameters, lr=lr, momentum=0.9)


RECIPE = Recipe(
    name="digits",
    description="multilayer perceptron 64-256-128-10, labels smoothed by 0.1",
    settings=Settings(epochs=30, batch_size=32, lr=0.05),
    model=_model,
    data=_data,
    loss=_loss,
    optimizer=_optimizer,
)
