"""A recurrent layer over time: the error by the formula, and nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import nn
from gpunet.inspection import follow_time


class Reader(nn.Module):
    """A recurrent layer, and a linear map of each step or of the last."""

    def __init__(self, layer, last=False):
        super().__init__()
        self.rnn = layer
        self.output = nn.Linear(layer.hidden_size, 3)
        self.last = last

    def forward(self, X):
        y, _ = self.rnn(X)
        if self.last:
            return self.output(y[:, -1] if self.rnn.batch_first else y[-1])
        return self.output(y)


def squares(output, targets):
    return (output * output).sum() / 2


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_error_of_a_linear_recurrence(device, batch_first):
    """h_t = relu(x_t + a h_{t-1}) of positive numbers: dC/dh_t is a times dC/dh_{t+1}."""
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=batch_first).to(device)
    model = Reader(layer, last=True).to(device)
    with gpunet.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(0.5)
    X = np.ones((2, 5, 1), np.float32)
    X = on_device(X if batch_first else X.transpose(1, 0, 2), device)
    report = follow_time(model, squares, X, on_device(np.zeros((2, 3), np.float32), device))
    assert report.layer == "rnn"
    np.testing.assert_allclose(report.hidden[:, 0], 2 - 0.5 ** np.arange(5), rtol=1e-6)
    assert list(report.errors) == ["dC/dh"]
    error = report.errors["dC/dh"]
    np.testing.assert_allclose(error[:-1] / error[1:], 0.5, rtol=1e-5)
    W, b = (array_of(p) for p in (model.output.weight, model.output.bias))
    h = report.hidden[-1, 0]
    last = 2**0.5 * abs(W[:, 0] @ (W[:, 0] * h + b)) / 2**0.5  # each sample's, as both are alike
    assert error[-1] == pytest.approx(last, rel=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_last_step_alone_counts(device, kind):
    """Outputs of all steps: the errors are those of the loss of the last one."""
    gpunet.manual_seed(1)
    layer = kind(2, 4, batch_first=True)
    model = Reader(layer).to(device)
    X = on_device(np.random.default_rng(1).normal(size=(3, 6, 2)).astype(np.float32), device)
    targets = on_device(np.zeros((3, 6), np.int64), device)
    before = {key: array_of(value).copy() for key, value in model.state_dict().items()}
    report = follow_time(model, squares, X, targets)
    last = Reader(layer, last=True).to(device)
    last.output = model.output
    again = follow_time(last, squares, X, targets)
    assert list(report.errors) == (["dC/dh", "dC/dc"] if kind is nn.LSTM else ["dC/dh"])
    for name, error in report.errors.items():
        np.testing.assert_allclose(error, again.errors[name], rtol=1e-4)
    np.testing.assert_allclose(report.hidden, array_of(model.rnn(X)[0])[0], rtol=1e-5, atol=1e-6)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(array_of(value), before[key])
    assert all(p.grad is None for p in model.parameters())
    assert "forward" not in model.rnn.__dict__
    assert model.training


def test_what_has_no_time():
    X = gpunet.zeros(2, 3, 2)
    both = Reader(nn.RNN(2, 3, batch_first=True))
    both.rnn = nn.RNN(2, 3, batch_first=True, bidirectional=True)
    assert follow_time(both, squares, X, X) is None
    assert follow_time(nn.Linear(2, 3), squares, X, X) is None


def test_the_picture(tmp_path):
    model = Reader(nn.LSTM(2, 4, batch_first=True))
    report = follow_time(model, squares, gpunet.randn(1, 5, 2), gpunet.zeros(1, 5))
    report.plot(tmp_path / "time.png", list("abcde"))
    assert (tmp_path / "time.png").read_bytes().startswith(b"\x89PNG")
    report.plot(tmp_path / "time.svg")
    assert b"<svg" in (tmp_path / "time.svg").read_bytes()
