"""One image through a convolutional network; convolutions in the table."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import nn
from gpunet.inspection import follow_image, inspect

RNG = np.random.default_rng(0)


def make(device, channels=3):
    gpunet.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 5, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(5, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 3 * 4, 2),
    ).to(device)


def image(device, channels=3):
    X = RNG.standard_normal((1, channels, 8, 9)).astype(np.float32)
    return on_device(X, device), on_device(np.array([1]), device)


def test_maps_and_deltas(device):
    model, (x, y) = make(device), image(device)
    report = follow_image(model, nn.CrossEntropyLoss(), x, y)
    assert [(maps.name, maps.kind) for maps in report.layers] == [("0", "Conv2d"), ("2", "Conv2d")]
    np.testing.assert_array_equal(report.image, array_of(x)[0])
    np.testing.assert_array_equal(report.filters, array_of(model[0].weight))

    model.eval()
    given = on_device(array_of(x), device, requires_grad=True)
    first = model[0](given)
    first.retain_grad()
    second = model[2](model[1](first))
    second.retain_grad()
    loss = nn.CrossEntropyLoss()(model[6](model[5](model[4](model[3](second)))), y)
    loss.backward()
    for maps, z in zip(report.layers, (first, second)):
        np.testing.assert_allclose(maps.z, array_of(z)[0], atol=1e-6)
        np.testing.assert_allclose(maps.delta, array_of(z.grad)[0], atol=1e-6)
    np.testing.assert_allclose(report.delta, array_of(given.grad)[0], atol=1e-6)


def test_the_model_is_as_before(device):
    model, (x, y) = make(device), image(device)
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    before = {key: array_of(value).copy() for key, value in model.state_dict().items()}
    report = follow_image(model, nn.CrossEntropyLoss(), x, y)
    assert report.layers[0].delta is not None  # of a frozen layer too
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(array_of(value), before[key], key)
    assert all(p.grad is None for p in model.parameters())
    assert all(module.training for module in model.modules())
    assert x.grad is None
    assert not x.requires_grad
    assert all(module._hooks is None or not module._hooks.forward for module in model.modules())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures(channels, tmp_path):
    model, (x, y) = make("cpu", channels), image("cpu", channels)
    report = follow_image(model, nn.CrossEntropyLoss(), x, y)
    report.plot_filters(tmp_path / "filters.png")
    report.plot_maps(tmp_path / "maps.svg")
    assert (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG")
    assert "dC/dx" in (tmp_path / "maps.svg").read_text()


def test_without_an_image_or_a_convolution():
    x, y = image("cpu")
    dense = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 9, 2))
    assert follow_image(dense, nn.CrossEntropyLoss(), x, y) is None
    assert follow_image(make("cpu"), nn.CrossEntropyLoss(), [1], y) is None
    line = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(3 * 4, 2))
    assert follow_image(line, nn.CrossEntropyLoss(), gpunet.randn(1, 2, 6), y) is None


def test_a_network_that_has_gone_bad_is_drawn(tmp_path):
    model, (x, y) = make("cpu"), image("cpu")
    model[2].weight.array[...] = np.nan
    report = follow_image(model, nn.CrossEntropyLoss(), x, y)
    report.plot_filters(tmp_path / "filters.png")
    report.plot_maps(tmp_path / "maps.png")


def test_convolutions_beside_dense_layers(device):
    model = make(device)
    X = on_device(RNG.standard_normal((6, 3, 8, 9)).astype(np.float32), device)
    y = on_device(RNG.integers(0, 2, 6), device)
    report = inspect(model, nn.CrossEntropyLoss(), X, y)
    first, second = report.layer("0"), report.layer("2")
    assert (first.kind, first.units) == ("Conv2d + ReLU", 5)
    assert first.size == 5 * 3 * 9 + 5
    outputs = 5 * 8 * 9
    assert first.dense == 3 * 8 * 9 * outputs + outputs
    assert second.size == 4 * 5 * 9
    assert second.dense == 5 * 8 * 9 * 4 * 3 * 4
    assert report.layer("6").dense is None
    text = str(report)
    assert "140 for 78k" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_convolutions_over_one_and_three_axes():
    line = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(3 * 4, 2))
    report = inspect(line, nn.CrossEntropyLoss(), gpunet.randn(5, 2, 6), gpunet.randint(0, 2, (5,)))
    assert report.layer("0").dense == 2 * 6 * 3 * 4 + 3 * 4
    body = nn.Sequential(nn.Conv3d(1, 2, 2), nn.Flatten(), nn.Linear(2 * 8, 2))
    x, y = gpunet.randn(5, 1, 3, 3, 3), gpunet.randint(0, 2, (5,))
    assert inspect(body, nn.CrossEntropyLoss(), x, y).layer("0").dense == 27 * 16 + 16
