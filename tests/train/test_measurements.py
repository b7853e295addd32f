"""What the steps of a pass measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opcheck import on_device

from gpunet.backend import Device, backend_for
from gpunet.train.measurements import Measurements


def measurements(device):
    return Measurements(backend_for(Device(device)))


def test_means_are_weighted_by_the_samples(device):
    m = measurements(device)
    m.add({"loss": on_device(np.array(1.0, np.float32), device), "accuracy": 0.5}, 3)
    m.add({"accuracy": 1.0, "loss": on_device(np.array(2.0, np.float32), device)}, 1)
    assert m.means() == {"loss": 1.25, "accuracy": 0.625}
    m.add({"loss": 0.0, "accuracy": 0.0}, 4)
    assert m.means() == {"loss": 0.625, "accuracy": 0.3125}


def test_more_steps_than_a_block_holds(device):
    m = measurements(device)
    rng = np.random.default_rng(0)
    values = rng.uniform(size=2500)
    for k, value in enumerate(values):
        m.add({"loss": value}, 1 + k % 3)
        if k in (700, 1023, 1024, 2047, 2400):
            m.read()
    np.testing.assert_array_equal(m.read()[:, 0], values)
    assert m.means()["loss"] == pytest.approx(np.average(values, weights=1 + np.arange(2500) % 3))


@pytest.mark.parametrize("steps", [0, 1, 1023, 1024, 1025, 2048])
def test_the_state_goes_on(device, steps):
    m = measurements(device)
    for k in range(steps):
        m.add({"loss": k, "x": -k}, 2)
    again = measurements(device)
    again.load_state_dict(m.state_dict())
    for each in (m, again):
        each.add({"loss": 7.0, "x": 0.0}, 5)
    np.testing.assert_array_equal(again.read(), m.read())
    assert again.samples == m.samples == [2] * steps + [5]
    assert again.names == ("loss", "x")


def test_the_first_that_is_not_finite(device):
    m = measurements(device)
    m.add({"accuracy": math.nan, "g_loss": 1.0, "d_loss": 2.0}, 1)
    assert m.first_not_finite() is None
    m.add({"accuracy": 0.0, "g_loss": 1.0, "d_loss": -math.inf}, 1)
    m.add({"accuracy": 0.0, "g_loss": math.nan, "d_loss": 0.0}, 1)
    assert m.first_not_finite() == (1, "d_loss", -math.inf)


def test_nothing_measured(device):
    m = measurements(device)
    assert m.means() == {}
    assert m.first_not_finite() is None
    m.add({}, 3)
    assert m.means() == {}
