"""Which layers have a row, under which name, in which order."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import nn, optim
from gpunet.inspection import inspect
from gpunet.nn import functional as F


def total(output, targets):
    return (output * output).mean()


def rows(report):
    return [(layer.name, layer.kind, layer.uses) for layer in report.layers]


class Branches(nn.Module):
    """Two branches, a shared layer, functions for activations, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(2, 2)
        self.stem = nn.Linear(6, 5)
        self.left = nn.Linear(5, 5)
        self.right = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
        self.shared = nn.Linear(5, 5)
        self.act = nn.ReLU()
        self.scale = nn.Parameter(gpunet.ones(5))

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = gpunet.tanh(self.left(x)) + self.right(x)
        for _ in range(3):
            x = x + self.act(self.shared(x))
        return self.act(x) * self.scale


def test_branches_and_shared_layers(device):
    gpunet.manual_seed(0)
    model = Branches().to(device)
    x = gpunet.randn(7, 6, device=device)
    report = inspect(model, total, x, None, optim.SGD(model.parameters(), lr=0.1))
    assert rows(report) == [
        ("stem", "Linear + relu", 1),
        ("left", "Linear + tanh", 1),
        ("right.0", "Linear + Tanh", 1),
        ("shared", "Linear + ReLU", 3),
        ("act", "ReLU", 1),
        ("", "Branches", 1),
        ("unused", "Linear", 0),
    ]
    assert [p.name for p in report.layer("").parameters] == ["scale"]
    assert report.layer("stem").zeros > 0
    assert report.layer("left").saturated is not None
    unused = report.layer("unused")
    assert unused.causes == ("not used",)
    assert (unused.input, unused.output, unused.delta, unused.units) == (None, None, None, 0)
    assert unused.gradient is None
    assert unused.parameters[0].weight > 0
    with pytest.raises(KeyError, match=r"no layer is named '0'; there are: stem, left"):
        report.layer("0")


def test_a_shared_layer_counts_all_its_uses(device):
    gpunet.manual_seed(0)
    layer, x = nn.Linear(4, 4).double().to(device), np.random.default_rng(0).random((5, 4))

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.act = layer, nn.ReLU()

        def forward(self, x):
            return self.act(self.layer(self.act(self.layer(x))))

    (row,) = inspect(Twice(), total, on_device(x, device), None).layers
    w, b = (array_of(p) for p in layer.parameters())
    z1 = x @ w.T + b
    z2 = np.maximum(z1, 0) @ w.T + b
    d2 = 2 * np.maximum(z2, 0) / 20
    d1 = (d2 @ w) * (z1 > 0)
    assert (row.uses, row.units) == (2, 4)
    assert row.delta == pytest.approx(5**0.5 * np.sqrt((d1**2).sum() + (d2**2).sum()))
    both = np.concatenate([z1, z2])
    assert row.zeros == pytest.approx((both <= 0).mean())
    assert row.dead == pytest.approx((both <= 0).all(0).mean())
    assert row.input == pytest.approx(
        np.sqrt((x**2).mean() / 2 + (np.maximum(z1, 0) ** 2).mean() / 2)
    )


def test_a_shared_activation_of_several_widths():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 3, bias=False), nn.Linear(3, 5, bias=False)
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(self.b(self.act(self.a(x) + 1)) + 1)

    report = inspect(Model(), total, gpunet.randn(5, 4), None)
    assert rows(report) == [
        ("a", "Linear", 1), ("act", "ReLU", 1), ("b", "Linear", 1), ("act", "ReLU", 1)
    ]  # fmt: skip
    assert [layer.units for layer in report.layers] == [3, 3, 5, 5]


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 6)
        self.norm = nn.LayerNorm(6)
        self.drop = nn.Dropout(0.5)
        self.batch = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, words, weights):
        x = F.relu(self.norm(self.drop(self.table(words))))
        x = self.batch((x * weights.unsqueeze(-1)).mean(1))
        return self.head(x), "an extra"


def test_embeddings_norms_dropout_and_several_inputs(device):
    model = Words().to(device)
    words = gpunet.randint(0, 10, (8, 4), device=device)
    weights = gpunet.rand(8, 4, device=device)
    targets = gpunet.randint(0, 3, (8,), device=device)
    optimizer = optim.Adam(model.parameters())

    def loss_fn(output, targets):
        return F.cross_entropy(output[0], targets)

    report = inspect(model, loss_fn, (words, weights), targets, optimizer)
    assert rows(report) == [
        ("table", "Embedding", 1),
        ("norm", "LayerNorm + relu", 1),
        ("batch", "BatchNorm1d", 1),
        ("head", "Linear", 1),
    ]
    assert [layer.units for layer in report.layers] == [6, 6, 6, 3]
    assert report.layer("table").input is None
    assert report.layer("norm").zeros == pytest.approx(0.5, abs=0.2)
    assert all(layer.delta > 0 and layer.relative_update > 0 for layer in report.layers)
    assert report.error is None  # the output is a tuple


def test_units_are_the_channels_of_images(device):
    # No convolution is needed: of 3 channels the second is negative everywhere.
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).to(device)
    model[0].bias.array[1] = -100
    (layer,) = inspect(model, total, gpunet.randn(4, 3, 5, 5, device=device), None).layers
    assert (layer.kind, layer.units) == ("BatchNorm2d + ReLU", 3)
    assert layer.dead == pytest.approx(1 / 3)


def test_an_activation_that_is_used_twice_on_one_output():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            z = self.layer(x)
            return z.sigmoid() * z.tanh()

    (layer,) = inspect(Gated(), total, gpunet.randn(5, 4), None).layers
    assert layer.kind in ("Linear + tanh + sigmoid", "Linear + sigmoid + tanh")


def test_keyword_arguments_and_no_grad_outside():
    class Keyword(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(input=x)

    with gpunet.no_grad():
        (layer,) = inspect(Keyword(), total, gpunet.ones(5, 4), None).layers
    assert layer.input == 1
    assert layer.delta > 0


def test_a_model_without_layers():
    report = inspect(nn.Flatten(), nn.MSELoss(), gpunet.ones(2, 3), gpunet.zeros(2, 3))
    assert report.layers == ()
    assert report.loss == 1
    assert "loss 1" in str(report)
    assert report.figure()


def test_errors():
    model, loss_fn, x, y = nn.Linear(3, 2), nn.MSELoss(), gpunet.ones(4, 3), gpunet.ones(4, 2)
    other = optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1)
    for message, kind, arguments in [
        ("model: expected a gpunet.nn.Module, got function", TypeError, (total, loss_fn, x, y)),
        ("loss_fn: expected a function of output and targets, got str", TypeError,
         (model, "", x, y)),
        ("optimizer: expected a gpunet.optim.Optimizer, got float", TypeError,
         (model, loss_fn, x, y, 0.1)),
        ("optimizer: none of its parameters is one of the model's", ValueError,
         (model, loss_fn, x, y, other)),
        ("a batch of at least one sample, got none", ValueError, (model, loss_fn, x[:0], y[:0])),
        ("one number, got a tensor of shape", ValueError,
         (model, nn.MSELoss(reduction="none"), x, y)),
        ("to return a tensor, got float", TypeError, (model, lambda a, b: 1.0, x, y)),
    ]:  # fmt: skip
        with pytest.raises(kind, match=message):
            inspect(*arguments)
