"""The 784-128-10 multilayer perceptron: one training step, and inference.

The same initial weights and data on every side (from NumPy with a fixed seed), float32.
"""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import numpy as np

from .case import Case, Side, Work, both_devices
from .libraries import compiled, finished

__all__ = ["INFERENCE", "TRAINING", "data", "inference", "row_centred", "training"]

SIZES = (784, 128, 10)


def _torch_sides(function: str) -> list[Side]:
    """gpunet, PyTorch and PyTorch compiled, each on both devices: one text for all."""
    here = f"benchmarks.mlp:{function}"
    return [
        *both_devices(Side("gpunet", "gpunet", here, {"library": "gpunet"})),
        *both_devices(Side("PyTorch", "torch", here, {"library": "torch"})),
        *both_devices(
            Side("PyTorch compiled", "torch-compiled", here, {"library": "torch", "compile": True})
        ),
        *both_devices(Side("JAX", "jax", f"benchmarks.mlp_jax:{function}")),
    ]


TRAINING = Case(
    name="mlp-train",
    title="One training step of a 784-128-10 perceptron: forward, loss, backward, optimiser",
    sides=_torch_sides("training"),
    grid=[
        {"optimizer": optimizer, "batch": batch}
        for optimizer in ("SGD", "Adam")
        for batch in (32, 128, 1024)
    ],
    x="batch",
    tiny={"batch": 3},
)

INFERENCE = Case(
    name="mlp-inference",
    title="Inference of a 784-128-10 perceptron, one batch",
    sides=[
        *_torch_sides("inference"),
        Side("scikit-learn", "sklearn", "benchmarks.mlp_sklearn:inference"),
    ],
    grid=[{"batch": batch} for batch in (1, 32, 256, 1024)],
    x="batch",
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


def training(library: str, device: str, batch: int, optimizer: str, compile: bool = False) -> Work:
    """The step, written once: it runs with PyTorch and with gpunet."""
    torch = importlib.import_module(library)
    weights, X, labels = data(batch)
    model = _model(torch, weights, device)
    loss_function = torch.nn.CrossEntropyLoss()
    if optimizer == "SGD":
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    else:
        optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    x, y = torch.from_numpy(X).to(device), torch.from_numpy(labels).to(device)

    def forward(x: Any, y: Any) -> Any:
        return loss_function(model(x), y)

    if compile:
        forward = compiled(torch, forward, x, y)

    def step() -> Any:
        optimiser.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimiser.step()
        return loss

    def check() -> list[float]:
        return [step().item(), *(float(abs(p.detach()).sum()) for p in model.parameters())]

    return Work(finished(torch, step, device), check)


def inference(library: str, device: str, batch: int, compile: bool = False) -> Work:
    """The logits of one batch, in evaluation mode and without a tape."""
    torch = importlib.import_module(library)
    weights, X, _ = data(batch)
    model = _model(torch, weights, device).eval()
    x = torch.from_numpy(X).to(device)
    with torch.no_grad():
        forward = compiled(torch, model, x) if compile else model

    def step() -> Any:
        with torch.no_grad():
            return forward(x)

    return Work(finished(torch, step, device), lambda: row_centred(step().cpu().numpy()))
