"""The 784-128-10 multilayer perceptron: one training step, and inference.

The same initial weights and data on every side (from NumPy with a fixed seed), float32.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from . import steps
from .case import Case, Side, Work
from .libraries import imported

__all__ = ["INFERENCE", "TRAINING", "data", "inference", "row_centred", "training"]

SIZES = (784, 128, 10)


TRAINING = Case(
    name="mlp-train",
    title="One training step of a 784-128-10 perceptron: forward, loss, backward, optimiser",
    sides=[
        *steps.sides(".mlp:training", ".mlp_jax:training"),
        Side("scikit-learn", "sklearn", ".mlp_sklearn:training"),
    ],
    grid=[
        {"optimizer": optimizer, "batch": batch}
        for optimizer in ("SGD", "Adam")
        for batch in (32, 128, 1024, 8192)
    ],
    x="batch",
    rate="samples/s",
    tiny={"batch": 3},
)

INFERENCE = Case(
    name="mlp-inference",
    title="Inference of a 784-128-10 perceptron, one batch",
    sides=[
        *steps.sides(".mlp:inference", ".mlp_jax:inference"),
        Side("scikit-learn", "sklearn", ".mlp_sklearn:inference"),
    ],
    grid=[{"batch": batch} for batch in (1, 32, 256, 1024, 8192)],
    x="batch",
    rate="samples/s",
    steps=1,
    tiny={"batch": 3},
)


def data(batch: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights and biases of each layer, inputs and labels."""
    rng = np.random.default_rng(0)
    weights = [
        array.astype(np.float32)
        for n, m in pairwise(SIZES)
        for array in (rng.uniform(-1, 1, (m, n)) / n**0.5, rng.uniform(-1, 1, m) / n**0.5)
    ]
    X = rng.standard_normal((batch, SIZES[0])).astype(np.float32)
    return weights, X, rng.integers(0, SIZES[-1], batch)


def row_centred(logits: np.ndarray) -> list[float]:
    """The sum of each column's size: the same for logits and logarithms of probabilities."""
    centred = logits - logits.mean(axis=1, keepdims=True)
    return [float(total) for total in abs(centred).sum(axis=0)]


def _model(torch: Any, weights: list[np.ndarray], device: str) -> Any:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights):
            parameter.copy_(torch.from_numpy(weight).to(device))
    return model


def training(library: str, device: str, how: str, batch: int, optimizer: str) -> Work:
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch = imported(library)
    weights, X, labels = data(batch)
    model = _model(torch, weights, device)
    loss_function = torch.nn.CrossEntropyLoss()
    if optimizer == "SGD":
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    else:
        optimiser = steps.adam(torch, model.parameters(), how)

    def loss_of(x: Any, y: Any) -> Any:
        return loss_function(model(x), y)

    x, y = torch.from_numpy(X).to(device), torch.from_numpy(labels).to(device)
    step = steps.training(torch, device, how, model, optimiser, loss_of, x, y)
    return Work(step, steps.check_of(step, model))


def inference(library: str, device: str, how: str, batch: int) -> Work:
    """The logits of one batch, in evaluation mode and without a tape."""
    torch = imported(library)
    weights, X, _ = data(batch)
    model = _model(torch, weights, device).eval()
    step = steps.inference(torch, device, how, model, torch.from_numpy(X).to(device))
    return Work(step, lambda: row_centred(step().cpu().numpy()))
