"""Data sets and mini-batches, as ``torch.utils.data``."""

from __future__ import annotations

from .dataset import Dataset, TensorDataset
from .loader import DataLoader

__all__ = ["DataLoader", "Dataset", "TensorDataset"]
