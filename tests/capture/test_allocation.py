"""Replays on the CPU take no memory."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from compilecheck import data, labels

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy
from gpunet.nn.utils import clip_grad_norm_

#: Bytes that may be taken at once at most.
ALLOWED = 64 * 1024


class Characters(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(40, 32)
        self.lstm = nn.LSTM(32, 96, batch_first=True)
        self.output = nn.Linear(96, 40)

    def forward(self, x):
        return self.output(self.lstm(self.embedding(x))[0][:, -1])


def mlp():
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 10))
    return model, (data(128, 784), labels(128, 10))


def cnn():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip
    return model, (data(64, 1, 28, 28), labels(64, 10))


def lstm():
    return Characters(), (labels((32, 40), 40), labels(32, 40))


def compiled(model):
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.999)

    @gpunet.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        return loss

    return step


@pytest.mark.parametrize("make", [mlp, cnn, lstm])
def test_a_replay_takes_no_memory(make):
    model, given = make()
    step = compiled(model)
    for _ in range(4):
        step(*given)
    gc.collect()
    tracemalloc.start()
    try:
        step(*given)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(3):
            step(*given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before <= ALLOWED


@pytest.mark.parametrize("small", [True, False])
def test_memory_does_not_grow(small):
    model, (x, y) = mlp()
    if small:
        x, y = x[:8], y[:8]
    step = compiled(model)
    fresh = [(gpunet.tensor(x.numpy()), y) for _ in range(3)]
    for i in range(10):
        step(*fresh[i % 3])
    gc.collect()
    tracemalloc.start()
    try:
        for i in range(100):
            step(*fresh[i % 3])
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for i in range(200):
            step(*fresh[i % 3])
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before <= 4096


def test_numpy_tells_of_its_memory():
    """What the tests above rest on."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        array = np.empty(1 << 20, np.uint8)
        assert tracemalloc.get_traced_memory()[0] - before >= array.nbytes
    finally:
        tracemalloc.stop()
