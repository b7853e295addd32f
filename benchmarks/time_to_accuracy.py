"""Seconds until 97 % of the held-out images are recognised, from new weights.

gpunet and PyTorch run one text with one recipe (`benchmarks.mnist_epochs.train`); scikit-learn's
MLPClassifier has its own defaults, with as many hidden neurons. Each looks at its held-out accuracy
after every epoch, inside the time.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .case import Case, Side, Work, both_devices
from .digit_data import Split, digits, mnist, synthetic
from .libraries import finished, phase
from .mnist_epochs import first_batch, train

__all__ = ["TO_97", "sklearn_training", "training"]

_HERE = "benchmarks.time_to_accuracy"

TO_97 = Case(
    name="time-to-97",
    title="Time until 97 % held-out accuracy, one hidden layer of 128, Adam",
    sides=[
        *both_devices(Side("gpunet", "gpunet", f"{_HERE}:training", {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", f"{_HERE}:training", {"library": "torch"})),
        Side("scikit-learn", "sklearn", f"{_HERE}:sklearn_training"),
    ],
    grid=[{"data": "digits", "batch": 32}, {"data": "MNIST", "batch": 128}],
    unit="s",
    once=True,
    seeded=True,
    rounds=5,
    rtol=0.03,
    tiny={"data": "synthetic", "batch": 32},
)

TARGET, MOST_EPOCHS = 0.97, 200


def _data(name: str) -> Split:
    return {"digits": digits, "MNIST": mnist, "synthetic": lambda: synthetic(600, 200)}[name]()


def _reached(accuracy: float, epochs: int, source: str) -> dict[str, Any]:
    if accuracy < TARGET:
        raise RuntimeError(f"{accuracy:.1%} after {epochs} epochs: {TARGET:.0%} was not reached")
    return {"accuracy": accuracy, "epochs": epochs, "source": source}


def training(library: str, device: str, data: str, batch: int, seed: int = 0) -> Work:
    """The loop of `benchmarks.mnist_epochs`."""
    phases: dict[str, float] = {}
    with phase(phases, "imports"):
        torch = importlib.import_module(library)
    split = _data(data)
    with phase(phases, "first batch"):
        train(torch, device, first_batch(split, batch), 1, batch)
    torch.manual_seed(seed)
    accuracy = 0.0

    def step() -> dict[str, Any]:
        nonlocal accuracy
        accuracy, epochs = train(torch, device, split, MOST_EPOCHS, batch, TARGET)
        return _reached(accuracy, epochs, split.source)

    return Work(finished(torch, step, device), lambda: [accuracy], phases)


def sklearn_training(data: str, batch: int, seed: int = 0) -> Work:
    """``partial_fit`` once an epoch; its mini-batches are scikit-learn's 200, not `batch`."""
    phases: dict[str, float] = {}
    with phase(phases, "imports"):
        from sklearn.neural_network import MLPClassifier
    split, classes = _data(data), np.arange(10)

    def classifier() -> Any:
        return MLPClassifier(hidden_layer_sizes=(128,), random_state=seed)

    with phase(phases, "first batch"):
        first = first_batch(split, batch)
        classifier().partial_fit(first.train_x, first.train_y, classes=classes).score(
            first.test_x, first.test_y
        )
    accuracy = 0.0

    def step() -> dict[str, Any]:
        nonlocal accuracy
        model, epochs = classifier(), 0
        while epochs < MOST_EPOCHS and accuracy < TARGET:
            model.partial_fit(split.train_x, split.train_y, classes=classes)
            accuracy = float(model.score(split.test_x, split.test_y))
            epochs += 1
        return _reached(accuracy, epochs, split.source)

    return Work(step, lambda: [accuracy], phases)
