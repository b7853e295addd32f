"""Losses of single elements: values, gradients, PyTorch's numbers, and what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from losscheck import REDUCTIONS, check
from opcheck import array_of, on_device

import gpunet
import gpunet.nn.functional as F

PAIRS = [
    ((5, 3), (5, 3)),
    ((), ()),
    ((70, 9), (70, 9)),
    ((4, 3), (3,)),
    ((1, 3), (2, 1)),
    ((2, 3, 4, 5), (2, 3, 4, 5)),
]


def pair(rng, shapes):
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {"delta": 0.6}),
    ],
)
def test_losses_of_differences(name, options, reduction, shapes, device):
    rng = np.random.default_rng(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the shapes that broadcast
        check(name, device, pair(rng, shapes), reduction=reduction, **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weighted_losses_of_differences(name, reduction, device):
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.5, 2, (4, 3))
    check(name, device, pair(rng, [(4, 3), (4, 3)]), reduction=reduction,
          weight=weight)  # fmt: skip


def test_losses_of_channels_last_images(device):
    rng = np.random.default_rng(9)
    X, T, dL = rng.standard_normal((3, 2, 4, 5, 3))
    x, t = (gpunet.Tensor(on_device(a, device).array.transpose(0, 3, 1, 2)) for a in (X, T))
    loss = F.mse_loss(x.requires_grad_(), t, reduction="none")
    np.testing.assert_allclose(array_of(loss), ((X - T) ** 2).transpose(0, 3, 1, 2))
    loss.backward(gpunet.Tensor(on_device(dL, device).array.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(array_of(x.grad), (2 * (X - T) * dL).transpose(0, 3, 1, 2))


def test_shapes_that_broadcast_warn(device):
    x, t = (on_device(np.zeros(shape), device) for shape in ((4, 3), (3,)))
    with pytest.warns(UserWarning, match=r"\(3,\).*different to the input's \(4, 3\)"):
        F.mse_loss(x, t)


@pytest.mark.parametrize("shape", [(6, 4), (), (3, 2, 5)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction, shape, device):
    rng = np.random.default_rng(6)
    P, T = rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)
    check("binary_cross_entropy", device, [P, T], reduction=reduction)
    weight = rng.uniform(0.5, 2, shape[-1:])
    if shape:
        check("binary_cross_entropy", device, [P, T], reduction=reduction, weight=weight)


@pytest.mark.parametrize("shape", [(6, 4), (), (3, 2, 5)], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_with_logits(reduction, shape, device):
    rng = np.random.default_rng(7)
    name = "binary_cross_entropy_with_logits"
    X, T = rng.standard_normal(shape) * 3, rng.uniform(0, 1, shape)
    check(name, device, [X, T], reduction=reduction)
    if shape:
        weight, pos_weight = rng.uniform(0.5, 2, (2, *shape[-1:]))
        check(name, device, [X, T], reduction=reduction, pos_weight=pos_weight)
        check(name, device, [X, T], reduction=reduction, weight=weight, pos_weight=pos_weight)


def test_binary_losses_at_the_edge(device):
    p = on_device(np.array([0.0, 1.0, 0.0, 1.0]), device, True)
    t = on_device(np.array([0.0, 0.0, 1.0, 1.0]), device)
    losses = F.binary_cross_entropy(p, t, reduction="none")
    np.testing.assert_array_equal(array_of(losses), [0, 100, 100, 0])
    losses.sum().backward()
    np.testing.assert_allclose(array_of(p.grad), [0, 1e12, -1e12, 0])
    x = on_device(np.array([-1e4, 1e4, -1e4, 1e4], "float32"), device, True)
    t = on_device(np.array([0, 0, 1, 1], "float32"), device)
    losses = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_array_equal(array_of(losses), [0, 1e4, 1e4, 0])
    losses.sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), [0, 1, -1, 0])


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(reduction, log_target, device):
    rng = np.random.default_rng(8)
    X, T = np.log(rng.dirichlet(np.ones(5), 4)), rng.dirichlet(np.ones(5), 4)
    T = np.log(T) if log_target else T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the mean
        check("kl_div", device, [X, T], reduction=reduction, log_target=log_target)
        row = [X, T[:1]]
        check("kl_div", device, row, reduction=reduction, log_target=log_target)


def test_kl_div_of_probability_zero_and_its_mean(device):
    x = on_device(np.log([[0.5, 0.5]]), device)
    t = on_device(np.array([[1.0, 0.0]]), device)
    np.testing.assert_allclose(array_of(F.kl_div(x, t, reduction="batchmean")), np.log(2))
    with pytest.warns(UserWarning, match="batchmean"):
        F.kl_div(x, t)


def test_what_pointwise_losses_refuse():
    x = gpunet.Tensor(np.full((3, 4), 0.5, "float32"))
    short = gpunet.Tensor(x.array[:2])
    empty = gpunet.Tensor(x.array[:0])
    whole = gpunet.Tensor(np.ones(3, int))
    for function in (F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss):
        with pytest.raises(RuntimeError, match=r"\(2, 4\) does not broadcast.*\(3, 4\)"):
            function(x, short)
        with pytest.raises(ValueError, match="empty batch"):
            function(empty, empty)
        with pytest.raises(NotImplementedError, match="int64"):
            function(whole, whole)
        with pytest.raises(ValueError, match="'batchmean' is not a valid value"):
            function(x, x, reduction="batchmean")
        with pytest.raises(TypeError, match="target must be a Tensor, not float"):
            function(x, 1.0)
    for function in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match=r"\(2, 4\).*\(3, 4\)"):
            function(x, short)
        with pytest.raises(ValueError, match="empty batch"):
            function(empty, empty)
        with pytest.raises(RuntimeError, match="weight of shape"):
            function(x, x, short)
        with pytest.raises(NotImplementedError, match="weight"):
            function(x, x, gpunet.Tensor(np.ones((3, 4), "float32")).requires_grad_())
    with pytest.raises(RuntimeError, match=r"between 0 and 1, got 0\.5 to 1\.5"):
        F.binary_cross_entropy(gpunet.Tensor(np.array([0.5, 1.5])), gpunet.Tensor(np.ones(2)))
    with pytest.raises(RuntimeError, match="non-positive values for delta, got 0"):
        F.huber_loss(x, x, delta=0)
    with pytest.raises(RuntimeError, match="negative values for beta, got -1"):
        F.smooth_l1_loss(x, x, beta=-1)
    with pytest.raises(ValueError, match="same size"):
        F.mse_loss(x, x, weight=short)


def test_dtypes_promote_as_in_pytorch(device):
    single, double = (on_device(np.ones(3, d), device) for d in ("float32", "float64"))
    assert F.mse_loss(single, double).dtype == np.float64
    assert F.mse_loss(single, on_device(np.ones(3, int), device)).dtype == np.float32
