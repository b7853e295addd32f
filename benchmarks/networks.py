"""Convolutional networks as lists of layers, from which each side makes its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["NETWORKS", "Layer", "Network", "data", "layers_of", "made", "weights_of"]


class Layer(NamedTuple):
    """A layer by PyTorch's name; a convolution or linear map with its channels.

    `padding` goes on each side; `bias` also stands for the affine map of a batch norm.
    """

    kind: str
    inputs: int = 0
    outputs: int = 0
    kernel: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = True


def _conv(inputs: int, outputs: int, kernel: int, padding: int = 0, **more: Any) -> Layer:
    return Layer("Conv2d", inputs, outputs, kernel, padding, **more)


def _normed(inputs: int, outputs: int, kernel: int, groups: int = 1) -> list[Layer]:
    """The batch norm takes the bias's place: a bias would have no gradient but rounding errors."""
    conv = _conv(inputs, outputs, kernel, kernel // 2, groups=groups, bias=False)
    return [conv, Layer("BatchNorm2d", outputs, outputs), Layer("ReLU")]


def _mnist_cnn(by: int) -> list[Layer]:
    """Two 5x5 convolutions, each with pooling, and two dense layers: the recipe's."""
    relu, pool = Layer("ReLU"), Layer("MaxPool2d")
    return [
        _conv(1, 32 // by, 5), relu, pool, _conv(32 // by, 64 // by, 5), relu, pool,
        Layer("Flatten"), Layer("Linear", 64 // by * 16, 128), relu, Layer("Linear", 128, 10),
    ]  # fmt: skip


def _vgg(by: int) -> list[Layer]:
    """64, 64, pooling, 128, 128, pooling, 256, all 3x3 with batch norm; global average, 10."""
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256):
        if width == 0:
            layers.append(Layer("MaxPool2d"))
        else:
            layers += _normed(channels, width // by, 3)
            channels = width // by
    return [*layers, Layer("AdaptiveAvgPool2d"), Layer("Flatten"), Layer("Linear", channels, 10)]


def _separable(by: int) -> list[Layer]:
    """A depthwise 3x3 and a pointwise convolution of 64 channels, each with batch norm and ReLU."""
    n = 64 // by
    return [*_normed(n, n, 3, groups=n), *_normed(n, n, 1)]


class Network(NamedTuple):
    """A network and what it takes.

    Attributes
    ----------
    layers : callable
        From a divisor of the widths to the layers.
    shape, tiny_shape : tuple of int
        Of one input, and of one for tests.
    classes : int
        Of the output; 0 where it is an image, of as many channels as the input.
    """

    layers: Callable[[int], list[Layer]]
    shape: tuple[int, int, int]
    tiny_shape: tuple[int, int, int]
    classes: int


NETWORKS = {
    "mnist-cnn": Network(_mnist_cnn, (1, 28, 28), (1, 28, 28), 10),
    "vgg": Network(_vgg, (3, 32, 32), (3, 8, 8), 10),
    "separable": Network(_separable, (64, 32, 32), (8, 6, 6), 0),
}
#: Divides the widths in tests.
_TINY = 8


def layers_of(name: str, tiny: bool) -> list[Layer]:
    """The layers of a network."""
    return NETWORKS[name].layers(_TINY if tiny else 1)


def weights_of(layers: list[Layer]) -> Iterator[np.ndarray]:
    """Weights in PyTorch's order and layouts, from NumPy: the same on every side."""
    rng = np.random.default_rng(0)
    for layer in layers:
        if layer.kind == "BatchNorm2d":
            yield np.ones(layer.outputs, np.float32)
        elif layer.kind in ("Conv2d", "Linear"):
            window = (layer.kernel, layer.kernel) if layer.kind == "Conv2d" else ()
            shape = (layer.outputs, layer.inputs // layer.groups, *window)
            bound = (3 / np.prod(shape[1:])) ** 0.5
            yield rng.uniform(-bound, bound, shape).astype(np.float32)
        else:
            continue
        if layer.bias:
            yield np.zeros(layer.outputs, np.float32)


def _module(nn: Any, layer: Layer) -> Any:
    if layer.kind == "Conv2d":
        return nn.Conv2d(
            layer.inputs, layer.outputs, layer.kernel, padding=layer.padding, groups=layer.groups,
            bias=layer.bias,
        )  # fmt: skip
    arguments = {
        "Linear": (layer.inputs, layer.outputs),
        "BatchNorm2d": (layer.outputs,),
        "MaxPool2d": (2,),
        "AdaptiveAvgPool2d": (1,),
    }
    return getattr(nn, layer.kind)(*arguments.get(layer.kind, ()))


def made(torch: Any, name: str, device: str, channels_last: bool, tiny: bool) -> Any:
    """The network of PyTorch or gpunet on `device`."""
    layers = layers_of(name, tiny)
    model = torch.nn.Sequential(*(_module(torch.nn, layer) for layer in layers)).to(device)
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), weights_of(layers), strict=True):
            parameter.copy_(torch.from_numpy(array).to(device))
    return model.to(memory_format=torch.channels_last) if channels_last else model


def data(name: str, batch: int, tiny: bool) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and labels or the images that the output is to be."""
    network, rng = NETWORKS[name], np.random.default_rng(1)
    shape = (batch, *(network.tiny_shape if tiny else network.shape))
    X = rng.standard_normal(shape).astype(np.float32)
    if network.classes:
        return X, rng.integers(0, network.classes, batch)
    return X, rng.standard_normal(shape).astype(np.float32)
