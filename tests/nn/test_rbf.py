"""Convolution with a distance in place of the inner product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.nn import functional as F

torch = torch_or_none()


def by_windows(x, w, gamma, **options):
    """The formula itself, window by window, with PyTorch."""
    N, C, H, W = x.shape
    filters, _, KH, KW = w.shape
    windows = torch.nn.functional.unfold(x, (KH, KW), **options)
    d = windows[:, None] - w.reshape(1, filters, C * KH * KW, 1)
    Y = torch.exp(-gamma.reshape(-1, 1) * (d * d).sum(2))
    axes = zip((H, W), (KH, KW), *(options[key] for key in ("padding", "stride", "dilation")))
    out = [(n + 2 * p - e * (k - 1) - 1) // s + 1 for n, k, p, s, e in axes]
    return Y.reshape(N, filters, *out)


two = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 4),
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    two,
    two,
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    two,
)
def test_the_formula_window_by_window(
    device, N, C, filters, size, kernel, stride, padding, dilation
):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    assume(all(n + 2 * p > d * (k - 1) for n, p, d, k in zip(size, padding, dilation, kernel)))
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((N, C, *size)), rng.standard_normal((filters, C, *kernel))
    gamma = rng.uniform(0.01, 0.3, filters)
    check_op(
        lambda x, w, g: F.rbf_conv2d(x, w, g, **options),
        x,
        w,
        gamma,
        device=device,
        torch_function=torch and (lambda x, w, g: by_windows(x, w, g, **options)),
    )


def test_one_gamma_for_all_filters(device):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 5, 6)), rng.standard_normal((4, 3, 3, 3))
    check_op(lambda x, w, g: F.rbf_conv2d(x, w, g), x, w, np.array(0.1), device=device)
    check_op(lambda x, w: F.rbf_conv2d(x, w, 0.1, padding="same"), x, w, device=device)
    check_op(lambda x, w: F.rbf_conv2d(x, w, 0.1), x[0], w, device=device)


def test_a_window_that_equals_the_filter_answers_with_one(device):
    rng = np.random.default_rng(0)
    # Large values: the squares cancel down to their rounding errors.
    x = (1000 + rng.standard_normal((1, 8, 12, 12))).astype("float32")
    w = np.stack([x[0, :, i : i + 3, i : i + 3] for i in range(10)])
    y = array_of(F.rbf_conv2d(on_device(x, device), on_device(w, device), 10.0))
    assert y.max() == 1
    assert np.all((y >= 0) & (y <= 1))
    small = x / 1000 - 1
    w = np.stack([small[0, :, i : i + 3, i : i + 3] for i in range(10)])
    y = array_of(F.rbf_conv2d(on_device(small, device), on_device(w, device), 1e4))
    diagonal = y[0, range(10), range(10), range(10)]
    np.testing.assert_allclose(diagonal, 1, atol=1e-3)
    assert np.sort(y.ravel())[-11] < 0.9


def test_the_layer(device):
    gpunet.manual_seed(0)
    layer = nn.RBFConv2d(3, 20, (3, 2), padding=1).to(device)
    assert repr(layer) == (
        "RBFConv2d(3, 20, kernel_size=(3, 2), stride=(1, 1), padding=(1, 1), dilation=(1, 1))"
    )
    assert list(layer.state_dict()) == ["weight", "log_gamma"]
    np.testing.assert_allclose(array_of(layer.log_gamma), np.log(1 / 18), rtol=1e-6)
    x = gpunet.randn(4, 3, 9, 10, device=device)
    y = layer(x)
    assert tuple(y.shape) == (4, 20, 9, 11)
    assert 0.05 < float(y.mean()) < 0.5  # neither dead nor saturated
    y.sum().backward()
    assert layer.log_gamma.grad is not None
    other = nn.RBFConv2d(3, 20, 2, gamma=0.5, padding="same")
    np.testing.assert_allclose(array_of(other.log_gamma), np.log(0.5), rtol=1e-6)
    with pytest.raises(ValueError, match="gamma"):
        nn.RBFConv2d(3, 20, 2, gamma=0)


def test_a_filter_learns_the_pattern_that_it_is_to_answer_to(device):
    gpunet.manual_seed(1)
    rng = np.random.default_rng(1)
    pattern = rng.standard_normal((2, 3, 3))
    x = on_device(pattern + 0.1 * rng.standard_normal((16, 2, 3, 3)), device).float()
    layer = nn.RBFConv2d(2, 1, 3).to(device)
    optimizer = gpunet.optim.Adam([layer.weight], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        y = layer(x)
        ((y - 1) ** 2).mean().backward()
        optimizer.step()
    assert float(y.detach().min()) > 0.95
    assert np.abs(array_of(layer.weight)[0] - pattern).max() < 0.5


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"gamma": 0.0}, ValueError, "gamma: expected more than 0"),
        ({"gamma": "1"}, TypeError, "gamma: expected a Tensor or a float"),
        ({"gamma": gpunet.ones(3)}, RuntimeError, "gamma: expected shape"),
        ({"gamma": gpunet.ones(4, dtype="float64")}, RuntimeError, "gamma: expected dtype"),
        ({"weight": gpunet.ones(4, 2, 3, 3)}, RuntimeError, "channels"),
        ({"weight": gpunet.ones(4, 3, 9, 3)}, RuntimeError, "greater than actual input size"),
        ({"input": np.ones((1, 3, 5, 5))}, TypeError, "input"),
    ],
)
def test_errors(change, error, message):
    arguments = {
        "input": gpunet.ones(1, 3, 5, 5), "weight": gpunet.ones(4, 3, 3, 3), "gamma": 1.0,
    }  # fmt: skip
    with pytest.raises(error, match=message):
        F.rbf_conv2d(**{**arguments, **change})
