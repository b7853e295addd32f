"""Normalisation as operations: values, gradients, PyTorch's numbers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet.errors import DeviceError
from gpunet.nn.functional.batch_norm import counted_batch_norm

torch = torch_or_none()


def theirs(function):
    """`function`, which takes PyTorch's functional module and tensors, or None without PyTorch."""
    if torch is None:
        return None
    return lambda *xs: function(torch.nn.functional, *xs)


def check(function, *inputs, device, **options):
    check_op(
        lambda *xs: function(F, *xs),
        *inputs,
        device=device,
        torch_function=theirs(function),
        **options,
    )


def normal(rng, *shape):
    return rng.standard_normal(shape) * 2 + 1


@pytest.mark.parametrize(
    ("shape", "inner"),
    [((3, 5), (5,)), ((40, 70), (70,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((7,), (7,))],
    ids=str,
)
def test_layer_and_rms_norm(shape, inner, device):
    rng = np.random.default_rng(1)
    X, w, b = normal(rng, *shape), normal(rng, *inner), normal(rng, *inner)
    check(lambda F, x, w, b: F.layer_norm(x, inner, w, b), X, w, b, device=device)
    check(lambda F, x, w: F.layer_norm(x, inner, w), X, w, device=device)
    check(lambda F, x, b: F.layer_norm(x, inner, None, b), X, b, device=device)
    check(lambda F, x: F.layer_norm(x, inner, eps=0.1), X, device=device)
    check(lambda F, x, w: F.rms_norm(x, inner, w), X, w, device=device)
    check(lambda F, x: F.rms_norm(x, inner, eps=0.1), X, device=device)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (2, 4, 3, 5)], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups, shape, device):
    rng = np.random.default_rng(2)
    X, w, b = normal(rng, *shape), normal(rng, 4), normal(rng, 4)
    check(lambda F, x, w, b: F.group_norm(x, groups, w, b), X, w, b, device=device)
    check(lambda F, x: F.group_norm(x, groups, eps=0.1), X, device=device)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 4, 3, 5), (2, 3, 2, 3, 2)], ids=str)
def test_instance_norm(shape, device):
    rng = np.random.default_rng(10)
    C = shape[1]
    X, w, b = normal(rng, *shape), normal(rng, C), normal(rng, C)
    mean, var = normal(rng, C), rng.uniform(0.5, 2, C)
    check(lambda F, x, w, b: F.instance_norm(x, None, None, w, b), X, w, b, device=device)
    check(lambda F, x: F.instance_norm(x, eps=0.1), X, device=device)
    check(
        lambda F, x, m, v, w, b: F.instance_norm(x, m, v, w, b, use_input_stats=False),
        X, mean, var, w, b, device=device, differentiable=[0, 3, 4],
    )  # fmt: skip


def test_running_statistics_of_instances(device):
    rng = np.random.default_rng(11)
    X = rng.standard_normal((3, 4, 5, 6)) + 2
    running = [on_device(np.ones(4), device) for _ in range(2)]
    F.instance_norm(on_device(X, device), *running, momentum=0.3)
    expected = (
        0.7 + 0.3 * X.mean(axis=(0, 2, 3)),
        0.7 + 0.3 * X.var(axis=(2, 3), ddof=1).mean(axis=0),
    )
    for got, want in zip(running, expected):
        np.testing.assert_allclose(array_of(got), want, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_norm(size, device):
    rng = np.random.default_rng(12)

    def run(F, x):
        return F.local_response_norm(x, size, alpha=0.5, beta=0.6, k=2.0)

    check(run, normal(rng, 2, 4, 3), device=device)
    check(run, normal(rng, 2, 4, 3, 2), device=device)


@pytest.mark.parametrize("shape", [(5, 3), (100, 40), (3, 4, 5), (2, 3, 4, 5)], ids=str)
def test_batch_norm(shape, device):
    rng = np.random.default_rng(3)
    C = shape[1]
    X, w, b = normal(rng, *shape), normal(rng, C), normal(rng, C)
    mean, var = normal(rng, C), rng.uniform(0.5, 2, C)

    def trained(F, x, w=None, b=None):
        return F.batch_norm(x, None, None, w, b, training=True, eps=1e-3)

    def fixed(F, x, mean, var, w=None, b=None):
        return F.batch_norm(x, mean, var, w, b, eps=1e-3)

    check(trained, X, w, b, device=device)
    check(trained, X, w, device=device)
    check(trained, X, device=device)
    constants = {"differentiable": [0, 3, 4], "device": device}
    check(fixed, X, mean, var, w, b, **constants)
    check(fixed, X, mean, var, device=device, differentiable=[0])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (70, 40), (2, 3, 4, 5), (2, 4, 1, 1)], ids=str)
def test_batch_norm_with_relu(shape, training, device):
    rng = np.random.default_rng(9)
    C = shape[1]
    X, w, b = normal(rng, *shape), normal(rng, C), rng.standard_normal(C)
    constants = rng.standard_normal(C), rng.uniform(0.5, 2, C)

    def run(x, *wb):
        xs = [None, None] if training else [on_device(v.astype(x.dtype), device) for v in constants]
        wb = wb or (None, None)
        return counted_batch_norm(x, *xs, *wb, training, 0.1, 1e-3, None, "relu")

    def same(x, *wb):
        xs = [None, None] if training else [torch.tensor(v) for v in constants]
        y = torch.nn.functional.batch_norm(x, *xs, *wb, training=training, eps=1e-3)
        return torch.relu(y)

    for inputs in ((X, w, b), (X,)):
        check_op(run, *inputs, device=device, torch_function=same)


def test_relu_after_batch_norm_keeps_nan(device):
    x = on_device(np.array([[np.nan, 1.0], [0.0, 3.0]]), device)
    y = counted_batch_norm(x, None, None, None, None, True, 0.1, 1e-5, None, "relu")
    assert np.isnan(array_of(y)[:, 0]).all()
    assert (array_of(y)[:, 1] >= 0).all()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 6)], ids=str)
def test_channels_last_memory_stays_so(shape, device):
    rng = np.random.default_rng(4)
    X = rng.standard_normal(shape)
    last = np.ascontiguousarray(np.moveaxis(X, 1, -1))
    axes = (0, len(shape) - 1, *range(1, len(shape) - 1))
    x = gpunet.Tensor(on_device(last, device).array.transpose(axes))
    y = F.batch_norm(x.requires_grad_(), None, None, training=True)
    plain = F.batch_norm(on_device(X, device), None, None, training=True)
    np.testing.assert_array_equal(array_of(y), array_of(plain))
    assert y.array.strides == x.array.strides
    y.sum().backward()
    assert x.grad.shape == shape


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 3), (64, 20), (4, 3, 5)], ids=str)
def test_running_statistics(shape, dtype, device):
    rng = np.random.default_rng(5)
    C = shape[1]
    mean, var = rng.standard_normal(C).astype(dtype), rng.uniform(1, 2, C).astype(dtype)
    X = (rng.standard_normal(shape) + 20).astype(dtype)
    ours = [on_device(a, device) for a in (mean, var)]
    F.batch_norm(on_device(X, device), *ours, training=True, momentum=0.3)
    rows = np.moveaxis(X, 1, -1).reshape(-1, C).astype("float64")
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    expected = 0.7 * mean + 0.3 * rows.mean(axis=0), 0.7 * var + 0.3 * rows.var(axis=0, ddof=1)
    for got, want in zip(ours, expected):
        assert got.dtype == dtype
        np.testing.assert_allclose(array_of(got), want, rtol=tolerance)


def test_running_statistics_that_are_not_contiguous(device):
    wide = on_device(np.zeros((3, 2)), device)
    mean, var = (gpunet.Tensor(wide.array[:, i]) for i in range(2))
    x = on_device(np.arange(12.0).reshape(4, 3), device)
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(array_of(mean), [4.5, 5.5, 6.5])
    np.testing.assert_allclose(array_of(var), [15.0, 15.0, 15.0])


@pytest.mark.parametrize("rows", [6, 400])
def test_the_variance_of_a_column_far_from_zero(rows, device):
    rng = np.random.default_rng(6)
    X = (rng.standard_normal((rows, 4)) + 3000).astype("float32")
    Y = array_of(F.batch_norm(on_device(X, device), None, None, training=True))
    exact = X.astype("float64") - X.mean(axis=0, dtype="float64")
    exact /= np.sqrt((exact**2).mean(axis=0) + 1e-5)
    np.testing.assert_allclose(Y, exact, atol=2e-3)
    Y = array_of(F.layer_norm(on_device(X.T.copy(), device), (rows,)))
    np.testing.assert_allclose(Y.T, exact, atol=2e-3)


def test_running_statistics_may_change_before_backward(device):
    rng = np.random.default_rng(7)
    X = rng.standard_normal((6, 3))
    mean, var = on_device(np.zeros(3), device), on_device(np.ones(3), device)
    x = on_device(X, device, True)
    y = F.batch_norm(x, mean, var, eps=0.0)
    F.batch_norm(on_device(X, device), mean, var, training=True, momentum=1.0)
    y.sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), np.ones((6, 3)))


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 80),
    st.integers(1, 40),
    st.lists(st.integers(1, 4), max_size=2),
    st.booleans(),
    st.booleans(),
    st.floats(0, 1),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 2**32 - 1),
)
def test_batch_norm_is_pytorchs(N, C, more, training, affine, momentum, dtype, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, C, *more)).astype(dtype)
    dY = rng.standard_normal(X.shape).astype(dtype)
    vectors = [a.astype(dtype) for a in (rng.standard_normal(C), rng.uniform(0.5, 2, C))]
    wb = [rng.standard_normal(C).astype(dtype) for _ in range(2)] if affine else []

    def run(module, tensor):
        x = tensor(X.copy()).requires_grad_()
        running = [tensor(v.copy()) for v in vectors]
        weights = [tensor(v.copy()).requires_grad_() for v in wb]
        y = module.batch_norm(x, *running, *weights, training=training, momentum=momentum, eps=0.1)
        y.backward(tensor(dY))
        return [y.detach(), x.grad, *running, *(w.grad for w in weights)]

    ours, theirs = run(F, gpunet.Tensor), run(torch.nn.functional, torch.tensor)
    tolerance = 2e-4 if dtype == "float32" else 1e-10
    for got, want in zip(ours, theirs):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "batch_norm", "rms_norm"])
def test_gradients_go_straight_into_their_buffers(name, device):
    rng = np.random.default_rng(8)
    x = on_device(rng.standard_normal((4, 6)), device, True)
    leaves = [on_device(np.ones(6), device, True) for _ in range(1 if name == "rms_norm" else 2)]
    for leaf in leaves:
        leaf.grad_buffer = on_device(np.full(6, np.nan), device).array
    run = {
        "layer_norm": lambda: F.layer_norm(x, (6,), *leaves),
        "rms_norm": lambda: F.rms_norm(x, (6,), *leaves),
        "group_norm": lambda: F.group_norm(x, 2, *leaves),
        "batch_norm": lambda: F.batch_norm(x, None, None, *leaves, training=True),
    }[name]
    run().backward(on_device(rng.standard_normal((4, 6)), device))
    for leaf in leaves:
        assert leaf.grad.array is leaf.grad_buffer
        assert np.isfinite(array_of(leaf.grad)).all()


def test_what_norms_refuse():
    x = gpunet.Tensor(np.zeros((3, 4), "float32"))
    one = gpunet.Tensor(np.zeros((1, 4), "float32"))
    empty = gpunet.Tensor(np.zeros((0, 4), "float32"))
    three, four, double = (
        gpunet.Tensor(np.ones(n, d)) for n, d in ((3, "float32"), (4, "float32"), (4, "float64"))
    )
    whole = gpunet.Tensor(np.zeros((3, 4), int))
    for norm in (F.layer_norm, F.rms_norm):
        with pytest.raises(RuntimeError, match=r"normalized_shape=\[5\].*\[3, 4\]"):
            norm(x, (5,))
        with pytest.raises(RuntimeError, match=r"weight of shape \[3\]"):
            norm(x, (4,), three)
        with pytest.raises(RuntimeError, match="at least 1-dimensional"):
            norm(x, ())
        with pytest.raises(RuntimeError, match=r"same dtype.*float32.*weight float64"):
            norm(x, (4,), double)
        with pytest.raises(ValueError, match="no values"):
            norm(empty, (4,))
        with pytest.raises(TypeError, match="must be a Tensor, not list"):
            norm([1.0], (1,))
        with pytest.raises(RuntimeError, match="got int64"):
            norm(whole, (4,))
    with pytest.raises(RuntimeError, match="divisible by num_groups"):
        F.group_norm(x, 3)
    with pytest.raises(RuntimeError, match="greater than 0"):
        F.group_norm(x, 0)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F.group_norm(one, 4)
    with pytest.raises(ValueError, match=r"more than 1 value per channel.*\[1, 4\]"):
        F.batch_norm(one, None, None, training=True)
    with pytest.raises(ValueError, match="eps must be positive"):
        F.batch_norm(x, None, None, training=True, eps=0)
    with pytest.raises(ValueError, match="no values"):
        F.batch_norm(empty, None, None, training=True)
    with pytest.raises(RuntimeError, match="running_mean must be defined in evaluation"):
        F.batch_norm(x, None, None)
    with pytest.raises(RuntimeError, match=r"running_mean should contain 4 elements.* not 3"):
        F.batch_norm(x, three, three)
    with pytest.raises(RuntimeError, match=r"weight should contain 4 elements.* not 3"):
        F.batch_norm(x, four, four, three)
    with pytest.raises(RuntimeError, match="running_var float64"):
        F.batch_norm(x, four, double)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.batch_norm(four, None, None, training=True)


def test_statistics_on_another_device(cuda):
    x = on_device(np.zeros((3, 4)), cuda)
    with pytest.raises(DeviceError, match="running_mean on cpu"):
        F.batch_norm(x, on_device(np.zeros(4), "cpu"), on_device(np.ones(4), cuda))


def test_what_instance_norm_refuses():
    x = gpunet.Tensor(np.zeros((2, 3, 4), "float32"))
    three, four = (gpunet.Tensor(np.ones(n, "float32")) for n in (3, 4))
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        F.instance_norm(gpunet.Tensor(x.array[:, :, :1]))
    with pytest.raises(RuntimeError, match="at least 3 dimensions"):
        F.instance_norm(gpunet.Tensor(x.array[0]))
    with pytest.raises(RuntimeError, match="running_mean and running_var to be defined"):
        F.instance_norm(x, use_input_stats=False)
    with pytest.raises(RuntimeError, match="running_var must be defined together"):
        F.instance_norm(x, three)
    with pytest.raises(RuntimeError, match=r"weight should contain 3 elements.* not 4"):
        F.instance_norm(x, weight=four)
    with pytest.raises(ValueError, match="no values"):
        F.instance_norm(gpunet.Tensor(x.array[:0]))
    with pytest.raises(ValueError, match=r"Expected 3D or higher.*got 2 dimensions"):
        F.local_response_norm(gpunet.Tensor(x.array[0]), 3)
