"""The character LSTM of `gpunet.benchmarks.recurrent` in JAX, its time steps a scan."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jax_steps
from .case import Work
from .recurrent import SYMBOLS, text

__all__ = ["training"]


def _logits(weights: list[Any], characters: Any) -> Any:
    """Logits (L, N, symbols) of characters (L, N)."""
    import jax
    import jax.numpy as jnp

    table, W_in, W_state, b_in, b_state, W_out, b_out = weights
    projected = table[characters] @ W_in.T + (b_in + b_state)

    def advance(carried: tuple[Any, Any], x: Any) -> tuple[tuple[Any, Any], Any]:
        h, c = carried
        i, f, g, o = jnp.split(x + h @ W_state.T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    nothing = jnp.zeros((characters.shape[1], W_state.shape[1]))
    _, states = jax.lax.scan(advance, (nothing, nothing), projected)
    return states @ W_out.T + b_out


def training(device: str, batch: int, hidden: int = 256, time: int = 64) -> Work:
    """The step of one mini-batch, Adam."""
    rng = np.random.default_rng(0)
    shapes = [
        (SYMBOLS, 64), (4 * hidden, 64), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,),
        (SYMBOLS, hidden), (SYMBOLS,),
    ]  # fmt: skip
    weights = [
        rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(hidden**0.5) for shape in shapes
    ]

    def loss(weights: list[Any], aside: Any, x: Any, y: Any) -> tuple[Any, Any]:
        logits = _logits(weights, x)
        return jax_steps.cross_entropy(logits.reshape(-1, SYMBOLS), y), aside

    x, y = (array.astype(np.int32) for array in text(batch, time))
    return jax_steps.training(device, weights, loss, x, y)
