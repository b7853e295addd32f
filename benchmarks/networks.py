"""Convolutional networks for the comparisons, written once for gpunet and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["NETWORKS", "Network", "data", "made"]


class Network(NamedTuple):
    """A network and what it takes.

    Attributes
    ----------
    build : callable
        From ``torch.nn``, or gpunet's, and a divisor of the widths to the module.
    shape, tiny_shape : tuple of int
        Of one input, and of one for tests.
    classes : int
        Of the output; 0 where it is an image, of as many channels as the input.
    """

    build: Callable[[Any, int], Any]
    shape: tuple[int, int, int]
    tiny_shape: tuple[int, int, int]
    classes: int


def _mnist_cnn(nn: Any, by: int) -> Any:
    """Two 5x5 convolutions, each with pooling, and two dense layers: the recipe's."""
    return nn.Sequential(
        nn.Conv2d(1, 32 // by, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32 // by, 64 // by, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 // by * 16, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def _vgg(nn: Any, by: int) -> Any:
    """64, 64, pooling, 128, 128, pooling, 256, all 3x3 with batch norm; global average, 10."""
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256):
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        width //= by
        # The batch norm takes the bias's place: a bias would have no gradient but rounding errors.
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        ]  # fmt: skip
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def _separable(nn: Any, by: int) -> Any:
    """A depthwise 3x3 and a pointwise convolution of 64 channels, each with batch norm and ReLU."""
    n = 64 // by
    return nn.Sequential(
        nn.Conv2d(n, n, 3, padding=1, groups=n, bias=False), nn.BatchNorm2d(n), nn.ReLU(),
        nn.Conv2d(n, n, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU(),
    )  # fmt: skip


NETWORKS = {
    "mnist-cnn": Network(_mnist_cnn, (1, 28, 28), (1, 28, 28), 10),
    "vgg": Network(_vgg, (3, 32, 32), (3, 8, 8), 10),
    "separable": Network(_separable, (64, 32, 32), (8, 6, 6), 0),
}
#: Divides the widths in tests.
_TINY = 8


def made(torch: Any, name: str, device: str, channels_last: bool, tiny: bool) -> Any:
    """The network on `device`, with weights from NumPy: the same on every side."""
    model = NETWORKS[name].build(torch.nn, _TINY if tiny else 1).to(device)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            if key.endswith("bias"):
                parameter.fill_(0.0)
            elif len(shape) > 1:  # those of a batch norm are 1 on every side
                bound = (3 / np.prod(shape[1:])) ** 0.5
                drawn = rng.uniform(-bound, bound, shape).astype(np.float32)
                parameter.copy_(torch.from_numpy(drawn).to(device))
    return model.to(memory_format=torch.channels_last) if channels_last else model


def data(name: str, batch: int, tiny: bool) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and labels or the images that the output is to be."""
    network, rng = NETWORKS[name], np.random.default_rng(1)
    shape = (batch, *(network.tiny_shape if tiny else network.shape))
    X = rng.standard_normal(shape).astype(np.float32)
    if network.classes:
        return X, rng.integers(0, network.classes, batch)
    return X, rng.standard_normal(shape).astype(np.float32)
