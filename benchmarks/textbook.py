"""The textbook network: gradients of a whole mini-batch as matrices, and sample by sample.

The same network, data and sums on both sides, float64; `backprop` against `backprop_per_sample`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Side

__all__ = ["CASES", "SIDES"]

SIDES = [
    Side("mini-batch as matrices", "benchmarks.textbook:batched"),
    Side("sample by sample", "benchmarks.textbook:per_sample"),
]

CASES = [
    {"sizes": sizes, "batch": batch}
    for sizes in ([784, 30, 10], [784, 128, 10])
    for batch in (10, 32, 128)
]


def _side(name: str, sizes: list[int], batch: int) -> Any:
    from gpunet.network import Network

    network = Network(sizes, seed=0, dtype=np.float64)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(batch, sizes[0]))
    y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    backprop = getattr(network, name)

    def check() -> list[float]:
        *_, nabla_w, nabla_b = backprop(x, y)
        return [float(abs(g).sum()) for g in (*nabla_w, *nabla_b)]

    return lambda: backprop(x, y), check


def batched(sizes: list[int], batch: int) -> Any:
    """`Network.backprop`."""
    return _side("backprop", sizes, batch)


def per_sample(sizes: list[int], batch: int) -> Any:
    """`Network.backprop_per_sample`."""
    return _side("backprop_per_sample", sizes, batch)
