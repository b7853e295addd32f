import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
import gpunet.nn.functional as F


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (30, 41)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_backward_draws_the_same_mask(shape, dtype, device):
    gpunet.manual_seed(3)
    x = on_device(np.full(shape, 2, dtype), device, requires_grad=True)
    y = F.dropout(x, 0.3)
    weight = np.random.default_rng(0).uniform(1, 2, shape).astype(dtype)
    gpunet.rand(5)  # the place of the generator has moved on, and its seed
    gpunet.manual_seed(4)
    y.backward(on_device(weight, device))
    factor = array_of(y) / 2
    assert y.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(array_of(x.grad), weight * factor, rtol=2e-3)
    np.testing.assert_allclose(factor[factor != 0], 1 / 0.7, rtol=1e-3)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_asked_for(p, device):
    y = array_of(F.dropout(on_device(np.ones((200, 200), np.float32), device), p))
    assert abs((y == 0).mean() - p) < 0.01
    assert abs(y.mean() - 1) < 0.05


def test_the_mask_depends_on_neither_dtype_nor_memory_order(device):
    X = np.ones((8, 30))
    masks = []
    for array in (X, X.astype(np.float32)):
        gpunet.manual_seed(0)
        masks.append(array_of(F.dropout(on_device(array, device), 0.5)))
    gpunet.manual_seed(0)
    turned = gpunet.Tensor(on_device(X.T, device).array.T)
    masks.append(array_of(F.dropout(turned, 0.5)))
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])


def test_extremes(device):
    x = on_device(np.ones(100), device, requires_grad=True)
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 0.5, training=False) is x
    y = F.dropout(x, 1.0)
    y.backward(on_device(np.ones(100), device))
    assert not array_of(y).any()
    assert not array_of(x.grad).any()
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=str(p)):
            F.dropout(x, p, training=False)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (F.dropout1d, (40, 50, 3)),
        (F.dropout2d, (40, 50, 3, 2)),
        (F.dropout3d, (40, 50, 2, 1, 2)),
    ],
)
def test_whole_channels_are_dropped(function, shape, device):
    X = np.random.default_rng(0).uniform(1, 2, shape)
    x = on_device(X, device, requires_grad=True)
    y = function(x, 0.3)
    factor = array_of(y) / X
    kept = factor.reshape(40, 50, -1)
    np.testing.assert_allclose(kept, np.broadcast_to(kept[:, :, :1], kept.shape))
    np.testing.assert_allclose(factor[factor != 0], 1 / 0.7)
    assert abs((factor == 0).mean() - 0.3) < 0.05
    y.backward(on_device(X, device))
    np.testing.assert_allclose(array_of(x.grad), X * factor)
    assert function(x, 0.3, training=False) is x
    assert function(x, 0.0) is x


def test_channels_of_one_sample(device):
    x = on_device(np.ones((60, 4)), device)
    y = array_of(F.dropout1d(x, 0.5))
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1
    y = array_of(F.dropout3d(on_device(np.ones((60, 2, 2, 2)), device), 0.5)).reshape(60, 8)
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize("function", [F.alpha_dropout, F.feature_alpha_dropout])
@pytest.mark.parametrize("p", [0.2, 0.6])
def test_alpha_dropout_keeps_mean_and_variance(function, p, device):
    X = np.random.default_rng(1).standard_normal((300, 100, 2, 2))
    x = on_device(X, device, requires_grad=True)
    y = function(x, p, training=True)
    Y = array_of(y)
    assert abs(Y.mean()) < 0.03
    assert abs(Y.std() - 1) < 0.03
    y.backward(on_device(np.ones(X.shape), device))
    slope = array_of(x.grad)
    assert abs((slope == 0).mean() - p) < 0.02
    a = slope.max()
    np.testing.assert_allclose(slope[slope != 0], a)
    np.testing.assert_allclose(Y[slope == 0], Y[slope == 0][0])
    np.testing.assert_allclose(Y[slope != 0], (a * X + a * 1.7580993408473766 * p)[slope != 0])
    if function is F.feature_alpha_dropout:
        assert (slope == slope[:, :, :1, :1]).all()
    assert function(x, p) is x
    assert not array_of(function(x, 1.0, training=True)).any()


def test_what_dropout_of_channels_refuses():
    x = gpunet.zeros(2, 3, 4)
    with pytest.raises(RuntimeError, match="Expected 2D or 3D input, but received a 1D"):
        F.dropout1d(x[0, 0])
    with pytest.warns(UserWarning, match="a 3D input is taken as"):
        F.dropout2d(x)
    with pytest.warns(UserWarning, match="expected a 4D input, got 2D"):
        F.dropout2d(x[0])
    with pytest.warns(UserWarning, match="expected a 4D or 5D input, got 3D"):
        F.dropout3d(x)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.feature_alpha_dropout(x[0, 0])
    for function in (F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout):
        with pytest.raises(ValueError, match="2"):
            function(x, 2)
