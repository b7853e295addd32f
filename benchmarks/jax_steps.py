"""A training step, and inference, in JAX: a compiled function of its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .case import Work
from .libraries import imported

__all__ = ["cross_entropy", "inference", "place", "training"]


def place(device: str, *arrays: Any) -> list[Any]:
    """Arrays on the device."""
    jax = imported("jax")
    there = jax.devices("gpu" if device == "cuda" else "cpu")[0]
    return [jax.device_put(array, there) for array in arrays]


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean over rows of the logarithm of the probability of the right class, negative."""
    import jax
    import jax.numpy as jnp

    return -jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels].mean()


def _sgd(weights: list[Any], state: Any, grads: list[Any]) -> tuple[list[Any], Any]:
    state = [0.9 * v + g for v, g in zip(state, grads)]
    return [w - 0.01 * v for w, v in zip(weights, state)], state


def _adam(weights: list[Any], state: Any, grads: list[Any]) -> tuple[list[Any], Any]:
    import jax.numpy as jnp

    t, means, squares = state
    t = t + 1
    means = [0.9 * m + 0.1 * g for m, g in zip(means, grads)]
    squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, grads)]
    rate, scale = 0.001 / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
    weights = [
        w - rate * m / (jnp.sqrt(s) * scale + 1e-8) for w, m, s in zip(weights, means, squares)
    ]
    return weights, (t, means, squares)


def training(
    device: str, weights: list[Any], loss: Callable[..., Any], *batch: Any,
    optimizer: str = "Adam", aside: Any = (),
) -> Work:  # fmt: skip
    """Forward, loss, backward and optimiser.

    Parameters
    ----------
    weights : list of array
        On the host, in the order of the other sides' parameters.
    loss : callable
        From weights, what goes along without a gradient, and the batch, to the loss and what goes
        along to the next step.
    aside : pytree
        What goes along at first: running means.
    """
    import jax
    import jax.numpy as jnp

    weights, batch = place(device, *weights), tuple(place(device, *batch))
    (aside,) = place(device, aside)

    def zeros() -> list[Any]:
        return [jnp.zeros_like(w) for w in weights]

    update = _sgd if optimizer == "SGD" else _adam
    (state,) = place(device, zeros() if optimizer == "SGD" else (jnp.float32(0), zeros(), zeros()))

    def advance(weights: Any, state: Any, aside: Any, *batch: Any) -> tuple[Any, ...]:
        gradient = jax.value_and_grad(loss, has_aux=True)
        (value, aside), grads = gradient(weights, aside, *batch)
        return *update(weights, state, grads), aside, value

    compiled = jax.jit(advance, donate_argnums=(0, 1, 2))

    def step() -> Any:
        nonlocal weights, state, aside
        weights, state, aside, value = compiled(weights, state, aside, *batch)
        jax.block_until_ready((weights, value))
        return value

    return Work(step, lambda: [float(step()), *(float(abs(w).sum()) for w in weights)])


def inference(
    device: str, weights: list[Any], forward: Callable[..., Any],
    check: Callable[[Any], list[float]], *batch: Any,
) -> Work:  # fmt: skip
    """The result of ``forward(weights, *batch)``; `check` takes it as a NumPy array."""
    import jax
    import numpy as np

    weights, batch = place(device, *weights), tuple(place(device, *batch))
    compiled = jax.jit(forward)

    def step() -> Any:
        return compiled(weights, *batch).block_until_ready()

    return Work(step, lambda: check(np.asarray(step())))
