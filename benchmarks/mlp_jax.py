"""The perceptron of `gpunet.benchmarks.mlp` in JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jax_steps
from .case import Work
from .mlp import data, row_centred

__all__ = ["inference", "training"]


def _logits(weights: list[Any], x: Any) -> Any:
    import jax

    w1, b1, w2, b2 = weights
    return jax.nn.relu(x @ w1.T + b1) @ w2.T + b2


def training(device: str, batch: int, optimizer: str) -> Work:
    """The step of one mini-batch."""

    def loss(weights: list[Any], aside: Any, x: Any, y: Any) -> tuple[Any, Any]:
        return jax_steps.cross_entropy(_logits(weights, x), y), aside

    weights, X, labels = data(batch)
    return jax_steps.training(
        device, weights, loss, X, labels.astype(np.int32), optimizer=optimizer
    )


def inference(device: str, batch: int) -> Work:
    """The logits of one batch."""
    weights, X, _ = data(batch)
    return jax_steps.inference(device, weights, _logits, row_centred, X)
