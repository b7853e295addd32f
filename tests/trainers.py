"""Trainers and loaders that the tests of this folder share."""

from __future__ import annotations

import numpy as np
from opcheck import array_of, on_device

from gpunet import nn, optim
from gpunet.functions.random import manual_seed
from gpunet.train import Trainer, accuracy
from gpunet.utils.data import DataLoader, TensorDataset


def make(device, lr=0.1, n=37, seed=0, dropout=0.0, **options):
    """Two classes that a line separates; a trainer and a shuffling loader."""
    manual_seed(seed)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    y = (x @ [1, -2, 0.5] > 0).astype(np.int64)
    layers = [nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)]
    if dropout:
        layers.insert(2, nn.Dropout(dropout))
    model = nn.Sequential(*layers).to(device)
    data = TensorDataset(on_device(x, device), on_device(y, device))
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    options.setdefault("metrics", {"accuracy": accuracy})
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, **options)
    return trainer, DataLoader(data, 8, shuffle=True)


def weights(trainer):
    """A copy of every parameter, as bytes."""
    return {name: array_of(p).tobytes() for name, p in trainer.model.named_parameters()}


def without_time(history):
    """The records without what depends on the clock."""
    return [
        {k: v for k, v in record.items() if k not in ("seconds", "samples_per_second")}
        for record in history
    ]
