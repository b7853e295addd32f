"""Data to begin with, as NumPy arrays, and readers of the files they come in."""

from __future__ import annotations

from .cifar import read_cifar10, read_cifar10_batch
from .cifar10 import load_cifar10
from .digits import load_digits
from .idx import read_idx
from .images import Images
from .mnist import load_fashion_mnist, load_mnist
from .places import DatasetNotFound

__all__ = [
    "DatasetNotFound",
    "Images",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_cifar10",
    "read_cifar10_batch",
    "read_idx",
]
