"""The textbook network: a mini-batch at once as matrices, and sample by sample.

The same network, data and sums on both sides. The gradients compare `backprop` with
`backprop_per_sample`, which adds in place; the epoch compares `update_mini_batch` with the loop of
M. Nielsen, *Neural Networks and Deep Learning* (2015), chapters 1 and 2, in words of our own:
columns, new gradients of zeros for each sample, sums and updates that make new lists of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Case, Side, Work, both_devices

__all__ = ["EPOCH", "GRADIENTS", "epoch", "gradients"]


def _sides(function: str) -> list[Side]:
    here = f".textbook:{function}"
    return [
        *both_devices(Side("as matrices", "gpunet", here, {"per_sample": False})),
        Side("sample by sample", "loop", here, {"per_sample": True}),
    ]


GRADIENTS = Case(
    name="textbook",
    title="Gradients of one mini-batch through the textbook network, float64",
    sides=_sides("gradients"),
    baseline="sample by sample",
    grid=[
        {"sizes": sizes, "batch": batch}
        for sizes in ("784-30-10", "784-128-10")
        for batch in (10, 32, 128)
    ],
    x="batch",
    rounds=3,
    steps=1,
    rtol=1e-9,
    tiny={"sizes": "7-5-3", "batch": 4},
)

EPOCH = Case(
    name="textbook-epoch",
    title="An epoch of the textbook network 784-30-10: 50,000 samples, mini-batches of 10",
    sides=_sides("epoch"),
    baseline="sample by sample",
    grid=[{"dtype": "float32"}, {"dtype": "float64"}],
    unit="s",
    once=True,
    rounds=3,
    tiny={"samples": 30},
)


def _data(samples: int, n: int, classes: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(samples, n)).astype(dtype)
    return x, np.eye(classes, dtype=dtype)[rng.integers(0, classes, samples)]


def _placed(network: Any, *arrays: np.ndarray) -> list[Any]:
    return [network.be.from_numpy(array) for array in arrays]


def _awaited(network: Any, step: Callable[[], Any]) -> Callable[[], Any]:
    def wait() -> None:
        step()
        network.be.synchronize()

    return wait


def gradients(per_sample: bool, sizes: str, batch: int, device: str = "cpu") -> Work:
    """`nabla_w` and `nabla_b` of one mini-batch."""
    from gpunet.network import Network

    layers = [int(size) for size in sizes.split("-")]
    network = Network(layers, seed=0, dtype=np.float64, device=device)
    x, y = _placed(network, *_data(batch, layers[0], layers[-1], "float64"))
    backprop = network.backprop_per_sample if per_sample else network.backprop

    def check() -> list[float]:
        *_, nabla_w, nabla_b = backprop(x, y)
        return [float(abs(g).sum()) for g in (*nabla_w, *nabla_b)]

    return Work(_awaited(network, lambda: backprop(x, y)), check)


def epoch(per_sample: bool, dtype: str, device: str = "cpu", samples: int = 50_000) -> Work:
    """Every mini-batch of 10 once, in one order."""
    from gpunet.network import Network

    network, throwaway = (
        Network([784, 30, 10], seed=0, dtype=dtype, device=device) for _ in range(2)
    )
    x, y = _placed(network, *_data(samples, 784, 10, dtype))

    if per_sample:
        loop = BookLoop(network)
        samples_of_it = [(row[:, None], target[:, None]) for row, target in zip(x, y)]

        def by_sample() -> None:
            for k in range(0, samples, 10):
                loop.update_mini_batch(samples_of_it[k : k + 10], 0.1)

        return Work(_awaited(network, by_sample), lambda: _sums(loop.weights + loop.biases))

    def step() -> None:
        for k in range(0, samples, 10):
            network.update_mini_batch(x[k : k + 10], y[k : k + 10], 0.1)

    # What is compiled or started at first is not the epoch's.
    throwaway.update_mini_batch(x[:10], y[:10], 0.1)
    return Work(_awaited(network, step), lambda: _sums([*network.weights, *network.biases]))


def _sums(arrays: list[Any]) -> list[float]:
    return [float(abs(array).sum()) for array in arrays]


class BookLoop:
    """Weights and biases of `network`, trained sample by sample; each vector is a column."""

    def __init__(self, network: Any):
        self.xp = network.be.xp
        self.weights = [w.copy() for w in network.weights]
        self.biases = [b[:, None].copy() for b in network.biases]

    def sigmoid(self, z: Any) -> Any:
        return 1 / (1 + self.xp.exp(-z))

    def sigmoid_prime(self, z: Any) -> Any:
        return self.sigmoid(z) * (1 - self.sigmoid(z))

    def update_mini_batch(self, mini_batch: list[tuple[Any, Any]], eta: float) -> None:
        """One step of gradient descent on a list of pairs (x, y)."""
        nabla_w = [self.xp.zeros(w.shape, w.dtype) for w in self.weights]
        nabla_b = [self.xp.zeros(b.shape, b.dtype) for b in self.biases]
        for x, y in mini_batch:
            of_x_w, of_x_b = self.backprop(x, y)
            nabla_w = [total + more for total, more in zip(nabla_w, of_x_w)]
            nabla_b = [total + more for total, more in zip(nabla_b, of_x_b)]
        rate = eta / len(mini_batch)
        self.weights = [w - rate * nabla for w, nabla in zip(self.weights, nabla_w)]
        self.biases = [b - rate * nabla for b, nabla in zip(self.biases, nabla_b)]

    def backprop(self, x: Any, y: Any) -> tuple[list[Any], list[Any]]:
        """The gradients of the quadratic cost of one sample."""
        nabla_w = [self.xp.zeros(w.shape, w.dtype) for w in self.weights]
        nabla_b = [self.xp.zeros(b.shape, b.dtype) for b in self.biases]
        zs, activations = [], [x]
        for w, b in zip(self.weights, self.biases):
            zs.append(self.xp.dot(w, activations[-1]) + b)
            activations.append(self.sigmoid(zs[-1]))
        delta = (activations[-1] - y) * self.sigmoid_prime(zs[-1])
        for i in reversed(range(len(zs))):
            if i < len(zs) - 1:
                delta = self.xp.dot(self.weights[i + 1].T, delta) * self.sigmoid_prime(zs[i])
            nabla_b[i] = delta
            nabla_w[i] = self.xp.dot(delta, activations[i].T)
        return nabla_w, nabla_b
