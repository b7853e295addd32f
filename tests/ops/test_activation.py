import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F

RNG = np.random.default_rng(0)
CALLS = [
    ("relu", {}), ("sigmoid", {}), ("tanh", {}), ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}), ("elu", {}), ("elu", {"alpha": 0.5}), ("gelu", {}),
    ("gelu", {"approximate": "tanh"}), ("silu", {}), ("mish", {}), ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 3.0}), ("softsign", {}), ("hardtanh", {}),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.0}), ("relu6", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CALLS)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 5), (40, 41)])
def test_activations(name, options, shape, device):
    torch = torch_or_none()
    theirs = torch and (lambda x: getattr(torch.nn.functional, name)(x, **options))
    X = RNG.standard_normal(shape) * 4
    check_op(
        lambda x: getattr(F, name)(x, **options), X, device=device, torch_function=theirs,
        tolerance=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CALLS)
def test_nan_stays(name, options, device):
    for n in (1, 400):
        x = on_device(np.full(n, np.nan, np.float32), device)
        assert np.isnan(array_of(getattr(F, name)(x, **options))).all()


def test_channels_last_stays_channels_last(device):
    memory = RNG.standard_normal((2, 5, 5, 3))
    x = gpunet.Tensor(on_device(memory, device).array.transpose(0, 3, 1, 2)).requires_grad_()
    y = F.silu(x)
    assert y.array.strides == x.array.strides
    weight = on_device(RNG.standard_normal((2, 3, 5, 5)), device)  # of another order
    y.backward(weight)
    X = memory.transpose(0, 3, 1, 2)
    s = 1 / (1 + np.exp(-X))
    np.testing.assert_allclose(array_of(y), X * s)
    np.testing.assert_allclose(array_of(x.grad), array_of(weight) * s * (1 + X * (1 - s)))


def test_half_precision_and_whole_numbers(device):
    x = np.array([-2.0, 0.5, 3.0])
    half = F.gelu(on_device(x.astype("float16"), device))
    assert half.dtype == np.float16
    np.testing.assert_allclose(array_of(half), [-0.0455, 0.3457, 2.996], rtol=2e-3)
    whole = F.relu(on_device(np.array([-3, 2**60 + 1]), device))
    assert array_of(whole).tolist() == [0, 2**60 + 1]
    assert F.sigmoid(on_device(np.array([0, 1]), device)).dtype == np.float32


def test_bad_arguments(device):
    x = on_device(np.zeros(3), device)
    with pytest.raises(RuntimeError, match=r"approximate.*'erf'"):
        F.gelu(x, "erf")
    with pytest.raises(ValueError, match="min_val=2"):
        F.hardtanh(x, 2, 1)


def test_large_and_small_arrays_agree(device):
    # The forms for small and for large arrays are different code.
    X = np.linspace(-30, 30, 1001)
    for name, options in CALLS:
        function = getattr(F, name)
        whole = array_of(function(on_device(X, device), **options))
        parts = [array_of(function(on_device(X[i : i + 91], device), **options))
                 for i in range(0, 1001, 91)]  # fmt: skip
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-13)


def test_sigmoid_keeps_its_digits_far_out(device):
    for n in (1, 1000):
        x = on_device(np.full(n, -60, np.float32), device)
        np.testing.assert_allclose(array_of(F.sigmoid(x)), np.exp(-60), rtol=1e-5)
