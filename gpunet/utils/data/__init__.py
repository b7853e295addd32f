"""Data sets and mini-batches, as ``torch.utils.data``.

Read `loader` first: `DataLoader` draws the order of a pass (`sampler`), and `passes` chooses how
its mini-batches come about. Rows of tensors are cut out or gathered (`gather`); other samples are
read and collated (`fetch`, `collate`), by threads if so wished (`workers`), and brought to a device
one mini-batch ahead (`transfer`). Data that fit there are moved once, by ``dataset.to("cuda")``
(`moving`): a pass then draws its order, gathers and collates on the device.
"""

from __future__ import annotations

from .collate import default_collate, default_convert
from .dataset import ChainDataset, ConcatDataset, Dataset, IterableDataset, StackDataset
from .loader import DataLoader
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .subset import Subset, random_split
from .tensor_dataset import TensorDataset
from .workers import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
