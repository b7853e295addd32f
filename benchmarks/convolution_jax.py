"""The networks of `gpunet.benchmarks.networks` in JAX, channels last as XLA has them fastest."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jax_steps
from .case import Work
from .mlp import row_centred
from .networks import Layer, data, layers_of, weights_of

__all__ = ["inference", "training"]

_EPSILON, _MOMENTUM = 1e-5, 0.1


def _forward(
    layers: list[Layer], weights: list[Any], running: list[Any], x: Any, training: bool
) -> tuple[Any, list[Any]]:
    """The output, and the running means and variances of the batch norms."""
    import jax

    left, before, after = iter(weights), iter(running), []
    for layer in layers:
        if layer.kind == "Conv2d":
            padding = [(layer.padding, layer.padding)] * 2
            x = jax.lax.conv_general_dilated(
                x, next(left).transpose(2, 3, 1, 0), (1, 1), padding,
                dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=layer.groups,
            )  # fmt: skip
            x = x + next(left) if layer.bias else x
        elif layer.kind == "BatchNorm2d":
            x, statistics = _batch_norm(x, next(left), next(left), next(before), training)
            after.append(statistics)
        elif layer.kind == "ReLU":
            x = jax.nn.relu(x)
        elif layer.kind == "MaxPool2d":
            window = (1, 2, 2, 1)
            x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, window, "VALID")
        elif layer.kind == "AdaptiveAvgPool2d":
            x = x.mean((1, 2), keepdims=True)
        elif layer.kind == "Flatten":  # the linear map after it takes channels first
            x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        else:
            x = x @ next(left).T + next(left)
    return x, after


def _batch_norm(x: Any, gamma: Any, beta: Any, running: Any, training: bool) -> tuple[Any, Any]:
    import jax

    mean, variance = running
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        n = x.size / x.shape[-1]
        found = (mean, variance * n / (n - 1))
        running = [old + _MOMENTUM * (new - old) for old, new in zip(running, found)]
    return (x - mean) * (jax.lax.rsqrt(variance + _EPSILON) * gamma) + beta, running


def _running(layers: list[Layer]) -> list[Any]:
    norms = [layer for layer in layers if layer.kind == "BatchNorm2d"]
    return [
        [np.zeros(norm.outputs, np.float32), np.ones(norm.outputs, np.float32)] for norm in norms
    ]


def _last(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if images.ndim == 4 else images


def training(device: str, network: str, batch: int, tiny: bool = False) -> Work:
    """The step of one mini-batch, Adam."""
    layers = layers_of(network, tiny)

    def loss(weights: list[Any], running: list[Any], x: Any, y: Any) -> tuple[Any, list[Any]]:
        found, running = _forward(layers, weights, running, x, True)
        if y.ndim == 1:
            return jax_steps.cross_entropy(found, y), running
        return ((found - y) ** 2).mean(), running

    X, y = (_last(array) for array in data(network, batch, tiny))
    weights = list(weights_of(layers))
    return jax_steps.training(device, weights, loss, X, y, aside=_running(layers))


def inference(device: str, network: str, batch: int, tiny: bool = False) -> Work:
    """The logits of one batch."""
    layers = layers_of(network, tiny)
    running = _running(layers)

    def forward(weights: list[Any], x: Any) -> Any:
        return _forward(layers, weights, running, x, False)[0]

    X = _last(data(network, batch, tiny)[0])
    return jax_steps.inference(device, list(weights_of(layers)), forward, row_centred, X)
