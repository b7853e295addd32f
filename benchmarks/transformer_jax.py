"""The encoder of `gpunet.benchmarks.transformer` in JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jax_steps
from .case import Work
from .mlp import row_centred
from .transformer import Sizes, data, positions, sizes, weights

__all__ = ["inference", "training"]


def _norm(x: Any, weight: Any, bias: Any) -> Any:
    import jax

    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def _logits(s: Sizes, values: list[Any], tokens: Any) -> Any:
    import jax
    import jax.numpy as jnp

    w = dict(zip((name for name, _ in weights(s)), values))
    x = w["embedding.weight"][tokens] * s.features**0.5 + positions(s)
    for i in range(s.layers):
        p = {name: w[f"layers.{i}.{name}"] for name in _NAMES}
        attended = _norm(x, p["norm1.weight"], p["norm1.bias"])
        joint = attended @ p["self_attn.in_proj_weight"].T + p["self_attn.in_proj_bias"]
        parts = joint.reshape(*joint.shape[:2], 3, s.heads, -1)
        mixed = jax.nn.dot_product_attention(parts[:, :, 0], parts[:, :, 1], parts[:, :, 2])
        mixed = mixed.reshape(x.shape)
        x = x + mixed @ p["self_attn.out_proj.weight"].T + p["self_attn.out_proj.bias"]
        hidden = _norm(x, p["norm2.weight"], p["norm2.bias"])
        hidden = jnp.maximum(hidden @ p["linear1.weight"].T + p["linear1.bias"], 0)
        x = x + hidden @ p["linear2.weight"].T + p["linear2.bias"]
    x = _norm(x, w["norm.weight"], w["norm.bias"])
    return (x @ w["output.weight"].T + w["output.bias"]).reshape(-1, s.words)


_NAMES = [
    name.removeprefix("layers.0.")
    for name, _ in weights(sizes(tiny=True))
    if name.startswith("layers.0.")
]


def training(device: str, batch: int, tiny: bool = False) -> Work:
    """The step of one mini-batch, Adam."""
    s = sizes(tiny)

    def loss(values: list[Any], aside: Any, x: Any, y: Any) -> tuple[Any, Any]:
        return jax_steps.cross_entropy(_logits(s, values, x), y), aside

    x, y = (array.astype(np.int32) for array in data(s, batch))
    return jax_steps.training(device, [array for _, array in weights(s)], loss, x, y)


def inference(device: str, batch: int, tiny: bool = False) -> Work:
    """The logits of one batch."""
    s = sizes(tiny)
    x = data(s, batch)[0].astype(np.int32)
    values = [array for _, array in weights(s)]

    def forward(values: list[Any], x: Any) -> Any:
        return _logits(s, values, x)

    return jax_steps.inference(device, values, forward, row_centred, x)
