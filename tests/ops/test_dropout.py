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
