"""One training step of the 784-128-10 multilayer perceptron: forward, loss, backward, optimiser.

The same initial weights and data on every side (from NumPy with a fixed seed), float32.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .harness import Side

__all__ = ["CASES", "CUDA_SIDES", "SIDES"]

SIZES = (784, 128, 10)

SIDES = [
    Side("gpunet", "benchmarks.mlp:gpunet_step"),
    Side("PyTorch", "benchmarks.mlp:torch_step", requires="torch"),
]

CUDA_SIDES = [
    Side("gpunet cuda", "benchmarks.mlp:gpunet_cuda_step", gpu=True),
    Side("PyTorch cuda", "benchmarks.mlp:torch_cuda_step", requires="torch", gpu=True),
]

CASES = [
    {"batch": batch, "optimizer": optimizer}
    for optimizer in ("SGD", "Adam")
    for batch in (32, 128, 1024)
]


def _data(batch: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    weights = [
        array.astype(np.float32)
        for n, m in pairwise(SIZES)
        for array in (rng.uniform(-1, 1, (m, n)) / n**0.5, rng.uniform(-1, 1, m) / n**0.5)
    ]
    X = rng.standard_normal((batch, SIZES[0])).astype(np.float32)
    return weights, X, rng.integers(0, SIZES[-1], batch)


def _step(torch: Any, tensor: Any, batch: int, optimizer: str, device: str = "cpu") -> Any:
    """The step, written once: it runs with PyTorch and with gpunet."""
    nn = torch.nn
    weights, X, labels = _data(batch)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights):
            parameter.copy_(tensor(weight))
    loss_function = nn.CrossEntropyLoss()
    if optimizer == "SGD":
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    else:
        optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    x, y = tensor(X), tensor(labels)

    def step() -> Any:
        optimiser.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimiser.step()
        return loss

    def check() -> list[float]:
        return [float(step()), *(float(abs(p.detach()).sum()) for p in model.parameters())]

    return step, check


def gpunet_step(batch: int, optimizer: str) -> Any:
    """gpunet on the CPU."""
    import gpunet

    return _step(gpunet, gpunet.from_numpy, batch, optimizer)


def torch_step(batch: int, optimizer: str) -> Any:
    """PyTorch, eager, on the CPU."""
    import torch

    return _step(torch, torch.from_numpy, batch, optimizer)


def gpunet_cuda_step(batch: int, optimizer: str) -> Any:
    """gpunet on a GPU; a step ends when the device has done it."""
    import gpunet

    return _on_gpu(gpunet, batch, optimizer)


def torch_cuda_step(batch: int, optimizer: str) -> Any:
    """PyTorch, eager, on a GPU; a step ends when the device has done it."""
    import torch

    return _on_gpu(torch, batch, optimizer)


def _on_gpu(torch: Any, batch: int, optimizer: str) -> Any:
    step, check = _step(torch, lambda a: torch.from_numpy(a).to("cuda"), batch, optimizer, "cuda")

    def finished() -> None:
        step()
        torch.cuda.synchronize()

    return finished, check
