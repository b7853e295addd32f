"""Colour photographs of 32x32 pixels (CIFAR-10) with a VGG-like network.

Where only the first 5,000 images are there it learns from these; 20 epochs, which is what they need
to pass 70 % on the held-out images, take ten times as long with all 50,000.

Source of the pattern, two 3x3 convolutions before each pooling: K. Simonyan and A. Zisserman, "Very
deep convolutional networks for large-scale image recognition", arXiv:1409.1556, 2014.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..augment import Compose, Normalize, RandomHorizontalFlip, RandomShift
from ..optim.lr_scheduler import OneCycleLR
from ..utils.data import TensorDataset
from .images import datasets_of
from .recipe import Recipe, Settings

__all__ = ["CLASSES", "RECIPE"]

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
)  # fmt: skip
#: Of red, green and blue, over the 50,000 training images.
_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_WIDTHS = (32, 64, 128)


class CifarCNN(Recipe):
    """Six convolutions with batch norm, on images that are flipped and shifted at random."""

    name = "cifar-cnn"
    description = "VGG-like: 3x3 convolutions of 2x32, 2x64, 2x128 channels, batch norm"
    settings = Settings(epochs=20, batch_size=64, lr=0.1)
    classes = CLASSES
    image_shape = (3, 32, 32)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        from ..datasets import load_cifar10

        return datasets_of(load_cifar10(folder))

    def model(self) -> nn.Module:
        layers: list[nn.Module] = [Normalize(_MEAN, _STD)]
        channels = 3
        for width in _WIDTHS:
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
            layers.append(nn.MaxPool2d(2))
        layers[-1] = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, len(CLASSES)))

    def augment(self) -> Compose:
        return Compose([RandomHorizontalFlip(), RandomShift(4)])

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss(label_smoothing=0.1)

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.SGD(parameters, lr=settings.lr, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)


RECIPE = CifarCNN()
