"""The diagnosis names what was built into a network."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from opcheck import on_device

import gpunet
from gpunet import nn, optim
from gpunet.datasets import load_digits
from gpunet.inspection import inspect

LOSS = nn.CrossEntropyLoss()
NOTHING = "None of the three causes of slow learning is seen on this batch."


def digits(device, n=200):
    data = load_digits()
    images = data.train_images[:n].reshape(-1, 64)
    return on_device(images, device), on_device(data.train_labels[:n], device)


def mlp(activation, *sizes):
    gpunet.manual_seed(0)
    layers = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), activation()]
    return nn.Sequential(*layers[:-1])


def causes(report):
    return {layer.name: layer.causes for layer in report.layers if layer.causes}


def the(report, beginning):
    """The one sentence that begins so."""
    (sentence,) = [s for s in report.diagnosis if s.startswith(beginning)]
    return sentence


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
def test_a_healthy_network(activation, device):
    x, y = digits(device)
    model = mlp(activation, 64, 50, 30, 10).to(device)
    report = inspect(model, LOSS, x, y, optim.SGD(model.parameters(), lr=0.1))
    assert report.diagnosis == (NOTHING,)
    assert causes(report) == {}
    assert report.error == pytest.approx(1, abs=0.1)


def test_saturated_neurons(device):
    x, y = digits(device)
    model = mlp(nn.Sigmoid, 64, 100, 50, 10)
    for p in model.parameters():
        nn.init.normal_(p, 0, 5)
    report = inspect(model.to(device), LOSS, x, y)
    assert causes(report)["0"] == ("saturated neurons",)
    assert causes(report)["2"] == ("saturated neurons",)
    assert "4" not in causes(report)
    sentence = the(report, "Saturated neurons: in layers 0 and 2, ")
    assert "learn slowly" in sentence
    assert len(report.diagnosis) == 1


def test_small_input(device):
    x, y = digits(device)
    model = mlp(nn.Tanh, 64, 30, 10).to(device)
    report = inspect(model, LOSS, x * 1e-4, y)
    assert causes(report) == {"0": ("small input activation",)}
    assert "Scale the inputs to a size of about 1." in the(
        report, "Small input activation: layer 0 (Linear + Tanh) receives inputs of size 4."
    )
    assert report.layers[0].relative_gradient < 1e-4
    scale_free = nn.Sequential(nn.LayerNorm(64), *model).to(device)
    assert causes(inspect(scale_free, LOSS, x * 1e-4, y)) == {}


def test_the_error_vanishes_on_its_way_back(device):
    x, y = digits(device)
    model = mlp(nn.Sigmoid, 64, *[30] * 10, 10).to(device)
    report = inspect(model, LOSS, x, y)
    assert causes(report) == {str(2 * i): ("small error",) for i in range(8)}
    sentence = the(report, "Small error: it vanishes on its way back. Delta is 0.95 in layer 20")
    assert "by a factor of 0.14 a layer" in sentence
    assert "layers 0, 2, 4, 6, 8 and 3 more" in sentence
    deltas = [layer.delta for layer in report.layers]
    assert deltas == sorted(deltas)
    assert deltas[0] < 1e-7


def test_the_error_explodes(device):
    x, y = digits(device)
    model = mlp(nn.ReLU, 64, *[30] * 6, 10)
    for layer in model[::2]:
        layer.weight.array[...] *= 5
    report = inspect(model.to(device), LOSS, x, y)
    assert "exploding error" in causes(report)["0"]
    assert the(report, "Exploding error: delta grows on its way back, from")


def test_dead_relus(device):
    x, y = digits(device)
    model = mlp(nn.ReLU, 64, 30, 20, 10)
    model[0].bias.array[...] = -10
    report = inspect(model.to(device), LOSS, x, y)
    first, second, _ = report.layers
    assert (first.dead, first.zeros, first.delta, first.gradient) == (1, 1, 0, 0)
    assert first.causes == ("dead ReLUs", "gradient zero")
    assert "small input activation" in second.causes
    assert "100% of the units" in the(report, "Dead ReLUs: in layer")
    assert "dead units before" in the(report, "Small input activation: layer 2")
    assert the(report, "The gradients are exactly zero in layer 0 (Linear + ReLU)")
    leaky = mlp(nn.LeakyReLU, 64, 30, 20, 10)
    leaky[0].bias.array[...] = -10
    assert inspect(leaky.to(device), LOSS, x, y).layers[0].dead is None


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_small_because_right(smoothing):
    x, y = digits("cpu")
    model = mlp(nn.Tanh, 64, 50, 10)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=smoothing)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    report = inspect(model, loss_fn, x, y, optimizer)
    assert report.error < 0.08
    assert the(report, "Small error, because the network is right on this batch")
    assert "vanishes" not in " ".join(report.diagnosis)


def test_saturated_outputs_that_are_right_are_as_they_should_be():
    x = gpunet.tensor([[10.0], [-10.0]] * 3)
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    model.load_state_dict({"0.weight": np.ones((1, 1)), "0.bias": np.zeros(1)})
    right = (x > 0).float()
    report = inspect(model, nn.MSELoss(), x, right)
    assert report.layers[0].saturated == 1
    assert causes(report) == {}
    assert the(report, "Small error, because the network is right")
    # As sure, and wrong: what the book calls learning slowly.
    report = inspect(model, nn.MSELoss(), x, 1 - right)
    assert causes(report) == {"0": ("saturated neurons",)}
    assert report.error > 1
    assert not any(s.startswith("Small error") for s in report.diagnosis)


def test_a_small_error_in_itself():
    x, y = digits("cpu")
    model = mlp(nn.Tanh, 64, 50, 10)
    report = inspect(model, lambda a, b: 1e-5 * LOSS(a, b), x, y)
    assert "Look at the scale of the loss" in the(report, "Small error: delta is only 9.5e-06")


def test_frozen_layers(device):
    x, y = digits(device)
    model = mlp(nn.ReLU, 64, 30, 20, 10).to(device)
    model[0].requires_grad_(False)
    model[4].requires_grad_(False)
    report = inspect(model, LOSS, x, y, optim.SGD(model.parameters(), lr=0.1))
    assert causes(report) == {"0": ("frozen",), "4": ("frozen",)}
    assert the(report, "Frozen (requires_grad=False): layers 0 and 4.")
    first, _, last = report.layers
    assert first.frozen
    assert first.delta is first.relative_gradient is first.relative_update is None
    assert last.delta > 0  # the error goes through to the layers before
    assert (first.zeros, first.dead) == (pytest.approx(0.5, abs=0.2), pytest.approx(0, abs=0.2))
    model.requires_grad_(False)
    report = inspect(model, LOSS, x, y)
    assert report.diagnosis[-1] == "No parameter requires a gradient: nothing is learned."
    assert report.error is None


def test_a_layer_that_is_cut_off():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 30), nn.Linear(30, 10)

        def forward(self, x):
            return self.second(self.first(x).detach())

    report = inspect(Cut(), LOSS, *digits("cpu"))
    assert causes(report) == {"first": ("no gradient",)}
    assert the(report, "No gradient arrives at layer first (Linear): cut off by detach()")


def test_large_and_tiny_updates(device):
    x, y = digits(device)
    model = mlp(nn.ReLU, 64, 30, 10).to(device)
    large = inspect(model, LOSS, x, y, optim.Adam(model.parameters(), lr=0.5))
    assert causes(large) == {"0": ("large update",), "2": ("large update",)}
    assert "Lower the learning rate" in the(large, "The next step changes layers 0 and 2 by ")
    tiny = inspect(model, LOSS, x, y, optim.SGD(model.parameters(), lr=1e-7))
    assert causes(tiny) == {"0": ("tiny update",), "2": ("tiny update",)}
    assert "e-0" in the(tiny, "The next step changes layers 0 and 2 by only ")
    lost = inspect(model, LOSS, x, y, optim.SGD(model.parameters(), lr=1e-20))
    assert causes(lost) == causes(tiny)  # float32 does not resolve it
    assert "by only 0 of the weights' size" in lost.diagnosis[0]


# --- what is not finite -------------------------------------------------------------------------


def only(report):
    (sentence,) = report.diagnosis
    return sentence


def test_not_finite_inputs(device):
    x, y = digits(device)
    x.array[3, 5] = math.nan
    report = inspect(mlp(nn.ReLU, 64, 30, 10).to(device), LOSS, x, y)
    assert only(report) == (
        "The loss is nan: the inputs of the model hold values that are not finite."
    )


def test_not_finite_parameters(device):
    x, y = digits(device)
    model = mlp(nn.ReLU, 64, 30, 20, 10)
    model[2].weight.array[3, 5] = math.inf
    report = inspect(model.to(device), LOSS, x, y, optim.SGD(model.parameters(), lr=0.1))
    assert math.isnan(report.loss)
    assert only(report) == (
        "The loss is nan: 2.weight of layer 2 (Linear + ReLU) has values that are not finite."
    )
    assert "not finite" in report.layers[1].causes
    assert report.figure()
    assert "nan" in str(report)


def test_not_finite_output():
    class Log(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(gpunet.ones(30))

        def forward(self, x):
            return (x * self.weight - 1e3).log()

    x, y = digits("cpu")
    model = nn.Sequential(nn.Linear(64, 30), Log(), nn.Linear(30, 10))
    assert only(inspect(model, LOSS, x, y)) == (
        "The loss is nan: layer 1 (Log) is the first whose output is not finite, from finite "
        "inputs and parameters."
    )


def test_not_finite_loss_only():
    x, y = digits("cpu")
    report = inspect(mlp(nn.ReLU, 64, 30, 10), lambda a, b: LOSS(a, b) * math.nan, x, y)
    assert only(report) == (
        "The loss is nan: the output of every layer is finite, so look at the targets and the loss "
        "function."
    )


def test_not_finite_gradient(device):
    class Root(nn.Module):
        def forward(self, x):
            return (x * 0).sqrt() + x  # its derivative at 0 is infinite

    x, y = digits(device)
    model = nn.Sequential(nn.Linear(64, 30), Root(), nn.Linear(30, 10)).to(device)
    report = inspect(model, LOSS, x, y)
    assert math.isfinite(report.loss)
    assert only(report) == (
        "Not finite: going back, layer 0 (Linear) is the first whose delta is not finite."
    )


def test_not_finite_step():
    x, y = digits("cpu")
    model = mlp(nn.ReLU, 64, 30, 10)
    report = inspect(model, LOSS, x, y, optim.SGD(model.parameters(), lr=math.inf))
    assert (
        only(report) == "Not finite: the optimiser's next step of layer 0 (Linear + ReLU) is not."
    )
