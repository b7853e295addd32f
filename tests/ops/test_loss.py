"""Losses as operations: values, gradients, PyTorch's numbers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from losscheck import REDUCTIONS, check
from opcheck import array_of, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F

torch = torch_or_none()
# The logits' shapes, with axis 1 (or the only axis) the classes.
SHAPES = [(5, 3), (40, 10), (1, 1), (4,), (2, 3, 4), (2, 5, 3, 2)]


def labels_for(rng, shape, ignore=False):
    C = shape[1] if len(shape) > 1 else shape[0]
    labels = rng.integers(0, C, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if ignore and labels.size > 1:
        labels.reshape(-1)[1::3] = -100
    return labels


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_losses_of_labels(name, reduction, shape, device):
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape)
    C = shape[1] if len(shape) > 1 else shape[0]
    weight = rng.uniform(0.5, 2, C)
    check(name, device, [X], labels_for(rng, shape), reduction=reduction)
    labels = labels_for(rng, shape, ignore=True)
    check(name, device, [X], labels, reduction=reduction, weight=weight)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_with_smoothed_labels(reduction, shape, device):
    rng = np.random.default_rng(2)
    X = rng.standard_normal(shape)
    weight = rng.uniform(0.5, 2, shape[1] if len(shape) > 1 else shape[0])
    labels = labels_for(rng, shape, ignore=True)
    check("cross_entropy", device, [X], labels, reduction=reduction, label_smoothing=0.3)
    check(
        "cross_entropy", device, [X], labels,
        reduction=reduction, label_smoothing=1.0, weight=weight,
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_with_probabilities(reduction, shape, device):
    rng = np.random.default_rng(3)
    X, T = rng.standard_normal(shape), rng.uniform(0, 1, shape)
    weight = rng.uniform(0.5, 2, shape[1] if len(shape) > 1 else shape[0])
    check("cross_entropy", device, [X, T], reduction=reduction)
    check("cross_entropy", device, [X, T], reduction=reduction, label_smoothing=0.2, weight=weight)


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 12),
    st.lists(st.integers(1, 4), max_size=2),
    st.sampled_from(REDUCTIONS),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from(["float32", "float64"]),
    st.floats(0.1, 1e4),
    st.integers(0, 2**32 - 1),
)
def test_cross_entropy_is_pytorchs(N, C, more, reduction, weighted, smoothing, dtype, scale, seed):
    rng = np.random.default_rng(seed)
    shape = (N, C, *more)
    X = (rng.standard_normal(shape) * scale).astype(dtype)
    labels = rng.integers(0, C, (N, *more))
    labels[rng.random(labels.shape) < 0.2] = 7
    weight = rng.uniform(0.1, 2, C).astype(dtype) if weighted else None
    options = {"ignore_index": 7, "reduction": reduction, "label_smoothing": smoothing}
    x = gpunet.Tensor(X.copy()).requires_grad_()
    loss = F.cross_entropy(
        x, gpunet.Tensor(labels), None if weight is None else gpunet.Tensor(weight), **options
    )
    their_x = torch.tensor(X, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        their_x, torch.tensor(labels), None if weight is None else torch.tensor(weight), **options
    )
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        array_of(loss), expected.detach().numpy(), rtol=tolerance, atol=tolerance * scale
    )
    if np.isfinite(array_of(loss)).all():
        loss.sum().backward()
        expected.sum().backward()
        np.testing.assert_allclose(
            array_of(x.grad), their_x.grad.numpy(), rtol=1e-4, atol=tolerance
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits(dtype, device):
    X = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [1e4, 1e4 - 1, 1e4], [-np.inf, 0, 0]], dtype)
    labels = np.array([0, 0, 1, 1])
    x = on_device(X, device, True)
    losses = F.cross_entropy(x, on_device(labels, device), reduction="none")
    a = np.exp(-1.0)
    expected = [0, 2e4, np.log(2 + a) + 1, np.log(2)]
    np.testing.assert_allclose(array_of(losses), expected, rtol=1e-6, atol=1e-6)
    losses.sum().backward()
    p = a / (2 + a)
    expected = [[0, 0, 0], [-1, 1, 0], [1 / (2 + a), p - 1, 1 / (2 + a)], [0, -0.5, 0.5]]
    np.testing.assert_allclose(array_of(x.grad), expected, rtol=1e-6, atol=1e-6)


def test_infinite_logits_as_pytorch(device):
    X = np.array([[np.inf, 0.0], [-np.inf, 0.0], [-np.inf, -np.inf], [np.nan, 0.0]])
    losses = F.cross_entropy(
        on_device(X, device), on_device(np.zeros(4, int), device), reduction="none"
    )
    np.testing.assert_array_equal(array_of(losses), [np.nan, np.inf, np.nan, np.nan])


def test_all_labels_ignored_as_pytorch(device):
    x = on_device(np.ones((3, 4)), device, True)
    labels = on_device(np.full(3, -100), device)
    assert array_of(F.cross_entropy(x, labels, reduction="sum")) == 0
    loss = F.cross_entropy(x, labels)
    assert np.isnan(array_of(loss))
    loss.backward()
    np.testing.assert_array_equal(array_of(x.grad), np.zeros((3, 4)))


@pytest.mark.parametrize("rows", [3, 300])
@pytest.mark.parametrize("label", [4, -1, -101, 2**62])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_a_label_that_is_no_class(name, label, rows, device):
    labels = np.ones(rows, np.int64)
    labels[2] = label
    x, y = on_device(np.zeros((rows, 4), "float32"), device, True), on_device(labels, device)
    function = getattr(F, name)
    if device == "cpu":
        with pytest.raises(IndexError, match=rf"target {label} \(row 2\).* 0 to 3.*-100"):
            function(x, y)
        return
    losses = function(x, y, reduction="none")
    assert np.isnan(array_of(losses)).tolist() == [i == 2 for i in range(rows)]
    loss = function(x, y)
    assert np.isnan(array_of(loss))
    loss.backward()
    assert np.isnan(array_of(x.grad)).any()


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integer_labels_of_any_dtype(dtype, device):
    x = on_device(np.eye(3), device)
    y = on_device(np.arange(3).astype(dtype), device)
    np.testing.assert_allclose(array_of(F.cross_entropy(x, y)), np.log(np.e + 2) - 1)


def test_what_losses_of_labels_refuse():
    x = gpunet.Tensor(np.zeros((3, 4), "float32"))
    y = gpunet.Tensor(np.zeros(3, np.int64))

    def refused(error, match, *args, name="cross_entropy", **options):
        with pytest.raises(error, match=match):
            getattr(F, name)(*args, **options)

    for name in ("cross_entropy", "nll_loss"):
        refused(ValueError, r"batch_size \(3\).*\(2\)", x, gpunet.Tensor(y.array[:2]), name=name)
        refused(RuntimeError, "Long.*float64", x, gpunet.Tensor(np.zeros(3)), name=name)
        refused(RuntimeError, "float32 or float64, got int64",
                gpunet.Tensor(np.zeros((3, 4), int)), y, name=name)  # fmt: skip
        refused(RuntimeError, r"all 4 classes.*\[3\]", x, y,
                gpunet.Tensor(np.ones(3, "float32")), name=name)  # fmt: skip
        refused(
            RuntimeError, "weight.*float32.*float64", x, y, gpunet.Tensor(np.ones(4)), name=name
        )
        refused(ValueError, "'foo' is not a valid value", x, y, reduction="foo", name=name)
        refused(ValueError, "size_average", x, y, size_average=True, name=name)
        refused(ValueError, "empty batch", gpunet.Tensor(x.array[:0]), gpunet.Tensor(y.array[:0]),
                name=name)  # fmt: skip
        refused(ValueError, "at least one class", gpunet.Tensor(x.array[:, :0]), y, name=name)
        refused(TypeError, "target must be a Tensor, not list", x, [0, 1, 2], name=name)
        weight = gpunet.Tensor(np.ones(4, "float32")).requires_grad_()
        refused(NotImplementedError, r"weight\.detach", x, y, weight, name=name)
    refused(RuntimeError, "probabilities.*int64", x, gpunet.Tensor(np.zeros((3, 4), int)))
    refused(RuntimeError, "between 0.0 and 1.0. Got: 1.5", x, y, label_smoothing=1.5)
    images = gpunet.Tensor(np.zeros((2, 3, 4)))
    refused(RuntimeError, r"\[2, 4\], got \[2, 5\]", images, gpunet.Tensor(np.zeros((2, 5), int)))
