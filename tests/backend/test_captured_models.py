"""Forward pass, loss and backward pass of whole networks in a CUDA graph, against eager ones."""

import numpy as np
import pytest

import gpunet
from gpunet import nn
from gpunet.backend import Device


class Characters(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.recurrent = kind(8, 12, num_layers=2, batch_first=True)
        self.out = nn.Linear(12, 11)

    def forward(self, x):
        return self.out(self.recurrent(self.embedding(x))[0]).reshape(-1, 11)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 11)

    def forward(self, x):
        return self.out(self.layer(self.embedding(x))).reshape(-1, 11)


def mlp():
    return nn.Sequential(
        nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 9), nn.GELU(),
        nn.LayerNorm(9), nn.Linear(9, 4),
    )  # fmt: skip


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3),
        nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def images(k):
    return numbers(k, 5, 1, 12, 12), labels(k, 10, 5)


def words(k):
    return labels(k, 11, 3, 7), labels(k + 100, 11, 21)


def numbers(k, *shape):
    return np.random.default_rng(k).standard_normal(shape).astype(np.float32)


def labels(k, classes, *shape):
    return np.random.default_rng(k).integers(0, classes, shape)


CASES = {
    "mlp": (mlp, lambda k: (numbers(k, 12, 20), labels(k, 4, 12))),
    "cnn": (cnn, images),
    "lstm": (lambda: Characters(nn.LSTM), words),
    "gru": (lambda: Characters(nn.GRU), words),
    "rnn": (lambda: Characters(nn.RNN), words),
    "transformer": (Transformer, words),
}


@pytest.mark.parametrize("name", CASES)
def test_replays_agree_with_eager_passes(cuda, name):
    from gpunet.backend.cuda_graph import Graph

    make, batch = CASES[name]
    gpunet.manual_seed(0)
    model, loss_function = make().to(cuda), nn.CrossEntropyLoss()
    parameters, buffers = list(model.parameters()), list(model.buffers())
    graph = Graph(Device("cuda"))
    inputs = [graph.input(a.shape, a.dtype) for a in batch(0)]
    x, y = (gpunet.as_tensor(a) for a in inputs)
    assert x.array.data.ptr == inputs[0].data.ptr

    def passes():
        model.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        return [loss.detach(), *(p.grad for p in parameters)]

    def feed(k):
        for buffer, array in zip(inputs, batch(k)):
            graph.feed(buffer, array)

    def values(tensors):
        return [t.cpu().numpy() for t in tensors]

    feed(0)
    graph.warm_up(passes)
    captured = graph.capture(passes)
    for k in range(1, 4):
        feed(k)
        before = [b.clone() for b in buffers]
        graph.replay()
        got, running = values(captured), values(buffers)
        for b, was in zip(buffers, before):
            b.array[...] = was.array
        for a, b in zip(got, values(passes())):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        for a, b in zip(running, values(buffers)):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        for p, gradient in zip(parameters, captured[1:]):  # a step, which a replay has to see
            gpunet.Tensor(p.array).sub_(gradient * 0.1)
    assert len({float(v.sum()) for v in got}) > 1
