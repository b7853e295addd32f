"""The perceptron of `benchmarks.mlp` in JAX, each step one compiled function."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Work
from .mlp import data, row_centred

__all__ = ["inference", "training"]


def _place(device: str, *arrays: Any) -> list[Any]:
    import jax

    place = jax.devices("gpu" if device == "cuda" else "cpu")[0]
    return [jax.device_put(array, place) for array in arrays]


def _logits(weights: list[Any], x: Any) -> Any:
    import jax

    w1, b1, w2, b2 = weights
    return jax.nn.relu(x @ w1.T + b1) @ w2.T + b2


def training(device: str, batch: int, optimizer: str) -> Work:
    """Forward, loss, backward and optimiser, the state given to the step and taken back."""
    import jax
    import jax.numpy as jnp

    host, X, labels = data(batch)
    weights = _place(device, *host)
    x, y = _place(device, X, labels.astype(np.int32))

    def loss(weights: list[Any], x: Any, y: Any) -> Any:
        logarithms = jax.nn.log_softmax(_logits(weights, x))
        return -logarithms[jnp.arange(len(y)), y].mean()

    def sgd(weights: list[Any], state: Any, grads: list[Any]) -> tuple[list[Any], Any]:
        state = [0.9 * v + g for v, g in zip(state, grads)]
        return [w - 0.01 * v for w, v in zip(weights, state)], state

    def adam(weights: list[Any], state: Any, grads: list[Any]) -> tuple[list[Any], Any]:
        t, means, squares = state
        t = t + 1
        means = [0.9 * m + 0.1 * g for m, g in zip(means, grads)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, grads)]
        rate, scale = 0.001 / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
        weights = [
            w - rate * m / (jnp.sqrt(s) * scale + 1e-8) for w, m, s in zip(weights, means, squares)
        ]
        return weights, (t, means, squares)

    def zeros() -> list[Any]:
        return [jnp.zeros_like(w) for w in weights]

    update = sgd if optimizer == "SGD" else adam
    state = zeros() if optimizer == "SGD" else (jnp.float32(0), zeros(), zeros())

    def advance(weights: list[Any], state: Any, x: Any, y: Any) -> tuple[list[Any], Any, Any]:
        value, grads = jax.value_and_grad(loss)(weights, x, y)
        return *update(weights, state, grads), value

    advance = jax.jit(advance, donate_argnums=(0, 1))

    def step() -> Any:
        nonlocal weights, state
        weights, state, value = advance(weights, state, x, y)
        jax.block_until_ready((weights, value))
        return value

    return Work(step, lambda: [float(step()), *(float(abs(w).sum()) for w in weights)])


def inference(device: str, batch: int) -> Work:
    """The logits of one batch."""
    import jax

    host, X, _ = data(batch)
    weights, (x,) = _place(device, *host), _place(device, X)
    forward = jax.jit(_logits)

    def step() -> Any:
        return forward(weights, x).block_until_ready()

    return Work(step, lambda: row_centred(np.asarray(step())))
