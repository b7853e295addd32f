"""Seconds until so many per cent of the held-out images are recognised, from new weights.

gpunet and PyTorch run one text with one recipe (`mnist_epochs.train`); scikit-learn's
MLPClassifier has its own defaults, with as many hidden neurons. Each looks at its held-out accuracy
after every epoch, inside the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Case, Side, Unavailable, Work, both_devices
from .digit_data import Split, digits, mnist, synthetic
from .libraries import finished, imported, phase
from .mnist_epochs import first_batch, train

__all__ = ["TO_ACCURACY", "sklearn_training", "training"]

_HERE = ".time_to_accuracy"

TO_ACCURACY = Case(
    name="time-to-accuracy",
    title="Time until a held-out accuracy, in per cent; one hidden layer of 128, Adam",
    sides=[
        *both_devices(Side("gpunet", "gpunet", f"{_HERE}:training", {"library": "gpunet"})),
        *both_devices(
            Side(
                "gpunet compiled",
                "gpunet-compiled",
                f"{_HERE}:training",
                {"library": "gpunet", "how": "compiled"},
            )
        ),
        *both_devices(Side("PyTorch", "torch", f"{_HERE}:training", {"library": "torch"})),
        Side("scikit-learn", "sklearn", f"{_HERE}:sklearn_training"),
    ],
    grid=[
        {"data": "digits", "percent": 97, "batch": 32},
        {"data": "MNIST", "percent": 97, "batch": 128},
        {"data": "MNIST", "percent": 98, "batch": 128},
    ],
    unit="s",
    once=True,
    seeded=True,
    rounds=5,
    rtol=0.03,
    tiny={"data": "synthetic", "batch": 32},
)

MOST_EPOCHS = 200


def _data(name: str) -> Split:
    if name == "synthetic":
        return synthetic(600, 200)
    found = {"digits": digits, "MNIST": mnist}[name]()
    if name == "MNIST" and found.source != name:  # the digits stand for it
        raise Unavailable("MNIST is not here: set GPUNET_DATA")
    return found


def _reached(accuracy: float, percent: int, epochs: int, source: str) -> dict[str, Any]:
    if 100 * accuracy < percent:
        raise RuntimeError(f"{accuracy:.1%} after {epochs} epochs: {percent} % was not reached")
    return {"accuracy": accuracy, "epochs": epochs, "source": source}


def training(
    library: str, device: str, data: str, percent: int, batch: int, how: str = "eager",
    seed: int = 0,
) -> Work:  # fmt: skip
    """The loop of `gpunet.benchmarks.mnist_epochs`."""
    phases: dict[str, float] = {}
    with phase(phases, "imports"):
        torch = imported(library)
    split = _data(data)
    with phase(phases, "first batch"):
        train(torch, device, first_batch(split, batch), 1, batch, how=how)
    torch.manual_seed(seed)
    accuracy = 0.0

    def step() -> dict[str, Any]:
        nonlocal accuracy
        accuracy, epochs = train(torch, device, split, MOST_EPOCHS, batch, percent / 100, how)
        return _reached(accuracy, percent, epochs, split.source)

    return Work(finished(torch, step, device), lambda: [accuracy], phases)


def sklearn_training(data: str, percent: int, batch: int, seed: int = 0) -> Work:
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
        while epochs < MOST_EPOCHS and 100 * accuracy < percent:
            model.partial_fit(split.train_x, split.train_y, classes=classes)
            accuracy = float(model.score(split.test_x, split.test_y))
            epochs += 1
        return _reached(accuracy, percent, epochs, split.source)

    return Work(step, lambda: [accuracy], phases)
