import math

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)

#: Functions and the interval in which they are smooth.
SMOOTH = {
    "exp": (-2, 2),
    "exp2": (-2, 2),
    "expm1": (-2, 2),
    "log": (0.2, 4),
    "log2": (0.2, 4),
    "log10": (0.2, 4),
    "log1p": (-0.7, 3),
    "sqrt": (0.2, 4),
    "rsqrt": (0.2, 4),
    "reciprocal": (0.3, 3),
    "square": (-2, 2),
    "sin": (-4, 4),
    "cos": (-4, 4),
    "tan": (-1.2, 1.2),
    "asin": (-0.9, 0.9),
    "acos": (-0.9, 0.9),
    "atan": (-3, 3),
    "asinh": (-3, 3),
    "acosh": (1.2, 4),
    "atanh": (-0.8, 0.8),
    "sinh": (-2, 2),
    "cosh": (-2, 2),
    "tanh": (-2, 2),
    "sigmoid": (-4, 4),
    "relu": (0.1, 2),
    "erf": (-2, 2),
    "neg": (-2, 2),
    "abs": (-2, -0.1),
    "sign": (0.1, 2),
    "floor": (1.1, 1.9),
    "ceil": (1.1, 1.9),
    "trunc": (-1.9, -1.1),
    "round": (1.6, 2.4),
    "frac": (1.1, 1.9),
    "nan_to_num": (-2, 2),
}


def torch_function(name):
    torch = torch_or_none()
    return torch and getattr(torch, name)


@pytest.mark.parametrize("name", SMOOTH)
def test_values_and_gradients(device, name):
    low, high = SMOOTH[name]
    for shape in ((3, 5), (), (0, 2)):
        x = RNG.uniform(low, high, shape)
        check_op(getattr(gpunet, name), x, device=device, torch_function=torch_function(name))


@pytest.mark.parametrize("name", SMOOTH)
def test_large_arrays(name):
    # Above the size from which results lie in memory from the pool.
    low, high = SMOOTH[name]
    x = RNG.uniform(low, high, (97, 101))
    check_op(getattr(gpunet, name), x, device="cpu", torch_function=torch_function(name))


@pytest.mark.parametrize("name", SMOOTH)
def test_edge_values(device, name):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("compares with PyTorch")
    x = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 100.0, -100.0, np.inf, -np.inf, np.nan])
    if name == "sign":
        x = x[:-1]  # the sign of NaN is NaN here, as in NumPy, and 0 in PyTorch
    ours, theirs = on_device(x, device, True), torch.tensor(x, requires_grad=True)
    y, expected = getattr(gpunet, name)(ours), getattr(torch, name)(theirs)
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-12, atol=1e-16)
    y.backward(on_device(np.ones_like(x), device))
    expected.sum().backward()
    ours, theirs = array_of(ours.grad), theirs.grad.numpy()
    if name == "nan_to_num":
        np.testing.assert_array_equal(ours, theirs)
    finite = np.isfinite(x)  # beyond, 0 * inf may come out either way
    np.testing.assert_allclose(ours[finite], theirs[finite], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16"])
def test_dtypes(device, name, dtype):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("compares with PyTorch")
    x = np.array([0, 1, 1]).astype(dtype)
    try:
        expected = getattr(torch, name)(torch.tensor(x))
    except (RuntimeError, NotImplementedError):
        pytest.skip("PyTorch does not take this dtype")
    y = getattr(gpunet, name)(on_device(x, device))
    assert str(y.dtype) == str(expected.dtype).removeprefix("torch.")
    np.testing.assert_allclose(array_of(y), expected.numpy(), rtol=2e-3)


def test_round_to_decimals(device):
    x = np.array([0.125, 1.55, -2.449, 3.0])
    for decimals in (0, 1, 2, -1):
        y = on_device(x, device).round(decimals=decimals)
        np.testing.assert_allclose(array_of(y), np.round(x, decimals))


def test_nan_to_num_with_given_numbers(device):
    x = on_device([np.nan, np.inf, -np.inf, 1.0], device)
    assert array_of(x.nan_to_num(7, 8, 9)).tolist() == [7, 8, 9, 1]
    y = x.float().nan_to_num()
    assert array_of(y).tolist() == [0, np.finfo("f").max, np.finfo("f").min, 1]


@pytest.mark.parametrize(
    ("low", "high"), [(-0.5, 0.5), (None, 0.3), (0.2, None), (0.5, -0.5), (-1, 1)]
)
def test_clamp_by_numbers(device, low, high):
    x = RNG.standard_normal((4, 6))
    check_op(
        lambda t: t.clamp(low, high), x, device=device, torch_function=lambda t: t.clamp(low, high)
    )


def test_clamp_by_tensors(device):
    x, low, high = (
        RNG.standard_normal((4, 6)),
        RNG.standard_normal(6) - 1,
        RNG.standard_normal((4, 1)),
    )
    check_op(
        lambda *t: gpunet.clamp(*t),
        x,
        low,
        high,
        device=device,
        torch_function=lambda *t: torch_or_none().clamp(*t),
    )
    check_op(
        lambda x, b: x.clamp(min=b),
        x,
        low,
        device=device,
        torch_function=lambda x, b: x.clamp(min=b),
    )
    check_op(
        lambda x, b: x.clamp_max(b),
        x,
        high,
        device=device,
        torch_function=lambda x, b: x.clamp(max=b),
    )


def test_clamp_bounds_count_as_inside(device):
    x = on_device([-1.0, 0.0, 1.0, 2.0], device, True)
    x.clamp(-1, 1).sum().backward()
    assert array_of(x.grad).tolist() == [1, 1, 1, 0]


def test_clamp_promotes_and_asks_for_a_bound(device):
    i = on_device([0, 1, 2, 3], device)
    assert array_of(i.clamp(1.5)).tolist() == [1.5, 1.5, 2, 3]
    assert i.clamp(1.5).dtype == gpunet.float32
    assert i.clamp(1, 2).dtype == gpunet.int64
    with pytest.raises(RuntimeError, match="min and max"):
        i.clamp()


def test_sigmoid_does_not_overflow(device):
    y = on_device([-1000.0, 1000.0], device).sigmoid()
    assert array_of(y).tolist() == [0, 1]


def test_the_square_root_of_zero_has_an_infinite_slope(device):
    x = on_device([0.0], device, True)
    x.sqrt().sum().backward()
    assert math.isinf(x.grad.item())
