"""Compiled training steps of networks of all kinds do, bit by bit, what they do without."""

from __future__ import annotations

from typing import Any

import pytest
from compilecheck import check_compiled, data, labels, small_mlp, training

import gpunet
from gpunet import nn


def images(i: int) -> Any:
    return data(6, 2, 8, 8, seed=i), labels(6, 3, i)


def channels_last_images(i: int) -> Any:
    x, y = images(i)
    return x.to(memory_format=gpunet.channels_last), y


def words(i: int) -> Any:
    return labels((4, 7), 11, i), labels(4, 3, i)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(0.2),
        nn.Conv2d(4, 5, 3),
        nn.BatchNorm2d(5, momentum=None),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(5, 3),
    )


def separable() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, groups=2, bias=False),
        nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        nn.SiLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(6, 3, 3, stride=2, output_padding=1),
        nn.LeakyReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def normalised() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8),
        nn.LayerNorm(8),
        nn.GELU(),
        nn.GroupNorm(2, 8),
        nn.Linear(8, 8),
        nn.BatchNorm1d(8),
        nn.Tanh(),
        nn.RMSNorm(8),
        nn.AlphaDropout(0.1),
        nn.Linear(8, 3),
    )


class Recurrent(nn.Module):
    def __init__(self, kind: str, bidirectional: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 5, padding_idx=0)
        self.layers = getattr(nn, kind)(
            5, 6, 2, batch_first=True, dropout=0.2, bidirectional=bidirectional
        )
        self.output = nn.Linear(12 if bidirectional else 6, 3)

    def forward(self, x: Any) -> Any:
        return self.output(self.layers(self.embedding(x))[0][:, -1])


class Cells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.lstm = nn.LSTMCell(5, 6)
        self.gru = nn.GRUCell(6, 6)
        self.output = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        h = c = u = gpunet.zeros(x.shape[0], 6)
        for word in self.embedding(x).unbind(1):
            h, c = self.lstm(word, (h, c))
            u = self.gru(h, u)
        return self.output(u)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.output = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        y = self.layers(self.embedding(x), src_key_padding_mask=x == 0)
        return self.output(y.mean(1))


def test_mlp_with_dropout():
    check_compiled(training(small_mlp))


@pytest.mark.parametrize("make", [convolutional, separable])
def test_convolutional_networks(make):
    check_compiled(training(make, make_batch=images))


def test_convolutional_network_with_channels_last_input():
    check_compiled(training(convolutional, make_batch=channels_last_images))


def test_norms():
    check_compiled(training(normalised))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_networks(kind, bidirectional):
    check_compiled(training(lambda: Recurrent(kind, bidirectional), make_batch=words))


def test_recurrent_cells():
    check_compiled(training(Cells, make_batch=words))


def test_transformer_encoder():
    check_compiled(training(Attending, make_batch=words))


def test_network_large_enough_for_the_kernels_threads_share():
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(300, 512), nn.ReLU(), nn.Dropout(0.1), nn.Linear(512, 10))

    check_compiled(
        training(make, make_batch=lambda i: (data(256, 300, seed=i), labels(256, 10, i)), calls=4),
        replays=2,
    )


def test_module_itself_is_compiled():
    def scenario(compile):
        model = small_mlp()
        run = compile(model)
        for i in range(6):
            with gpunet.no_grad():
                yield run(data(4, 5, seed=i))

    check_compiled(scenario, replays=4)
