"""Data to begin with, as NumPy arrays, and readers of the files they come in."""

from __future__ import annotations

from .cifar import read_cifar10, read_cifar10_batch
from .cifar10 import load_cifar10
from .digits import load_digits
from .idx import read_idx
from .images import Images
from .mnist import load_fashion_mnist, load_mnist
from .places import DatasetNotFound
from .text_files import read_lines, read_parallel, read_table, read_text
from .texts import (
    LabelledTexts,
    Pairs,
    load_addition,
    load_banking77,
    load_enja,
    load_shakespeare,
)
from .time_series import TimeSeries, load_airline, load_weather

__all__ = [
    "DatasetNotFound",
    "Images",
    "LabelledTexts",
    "Pairs",
    "TimeSeries",
    "load_addition",
    "load_airline",
    "load_banking77",
    "load_cifar10",
    "load_digits",
    "load_enja",
    "load_fashion_mnist",
    "load_mnist",
    "load_shakespeare",
    "load_weather",
    "read_cifar10",
    "read_cifar10_batch",
    "read_idx",
    "read_lines",
    "read_parallel",
    "read_table",
    "read_text",
]
