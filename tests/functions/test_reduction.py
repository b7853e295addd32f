import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 5))
DIMS = [None, 0, -1, (0, 2), (-1, 1), (0, 1, 2)]


def theirs(name):
    torch = torch_or_none()
    return torch and getattr(torch, name)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "std", "var", "logsumexp"])
def test_over_any_dimensions(device, name, dim, keepdim):
    if dim is None and name == "logsumexp":
        dim = (0, 1, 2)

    def call(library):
        def function(t):
            return getattr(library, name)(t, dim=dim, keepdim=keepdim)

        return function

    torch = torch_or_none()
    if dim is None and name in ("amax", "amin"):
        dim = ()
    check_op(call(gpunet), X, device=device, torch_function=torch and call(torch))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "std", "var", "max", "min", "median"])
def test_over_everything(device, name):
    for x in (X, RNG.standard_normal(7)):
        check_op(getattr(gpunet, name), x, device=device, torch_function=theirs(name))
    for method in ("sum", "mean", "prod", "max"):
        x = RNG.standard_normal(())
        check_op(getattr(gpunet, method), x, device=device, torch_function=theirs(method))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["max", "min", "median", "prod"])
def test_along_one_dimension(device, name, dim, keepdim):
    check_op(
        lambda t: getattr(gpunet, name)(t, dim, keepdim),
        X,
        device=device,
        torch_function=lambda t: getattr(torch_or_none(), name)(t, dim, keepdim),
    )


@pytest.mark.parametrize("name", ["max", "min", "median"])
def test_named_results(device, name):
    x = on_device(X, device, True)
    result = getattr(x, name)(dim=1)
    assert result.values.shape == result.indices.shape == (3, 5)
    assert result.indices.dtype == gpunet.int64
    assert type(result).__name__ == name
    with gpunet.no_grad():
        picked = np.take_along_axis(X, array_of(result.indices)[:, None], 1)[:, 0]
    np.testing.assert_array_equal(array_of(result.values), picked)
    scalar = getattr(on_device(2.0, device), name)(0)
    assert scalar.values.item() == 2
    assert scalar.indices.item() == 0


def test_the_gradient_of_ties(device):
    values = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for call, expected in (
        (lambda t: t.amax(1), [[0, 0.5, 0.5], [1 / 3] * 3]),
        (lambda t: t.max(1).values, [[0, 1, 0], [1, 0, 0]]),
        (lambda t: t.max(), [[0, 0.5, 0.5], [0, 0, 0]]),
        (lambda t: t.amin(1), [[1, 0, 0], [1 / 3] * 3]),
        (lambda t: t.min(1).values, [[1, 0, 0], [1, 0, 0]]),
    ):
        x = on_device(values, device, True)
        call(x).sum().backward()
        np.testing.assert_allclose(array_of(x.grad), expected)


def test_max_of_two_tensors(device):
    y = RNG.standard_normal((4, 5))
    check_op(gpunet.max, X, y, device=device, torch_function=theirs("max"))
    check_op(lambda a, b: a.min(b), X, y, device=device, torch_function=theirs("min"))


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_products_of_zeros(device, zeros):
    x = RNG.uniform(0.5, 1.5, (3, 6))
    x[1, :zeros] = 0
    x[0, 2 : 2 + zeros] = 0
    for name, args in (
        ("prod", ()),
        ("prod", (1,)),
        ("prod", (0,)),
        ("cumprod", (1,)),
        ("cumprod", (0,)),
    ):
        check_op(
            lambda t, name=name, args=args: getattr(gpunet, name)(t, *args),
            x,
            device=device,
            torch_function=lambda t, name=name, args=args: getattr(torch_or_none(), name)(t, *args),
        )


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(3, 4), (1,), (0,), (0, 3), ()])
def test_cumulative(device, name, shape):
    x = RNG.uniform(0.5, 1.5, shape)
    for dim in range(-max(1, len(shape)), max(1, len(shape))):
        check_op(
            lambda t, dim=dim: getattr(gpunet, name)(t, dim),
            x,
            device=device,
            torch_function=lambda t, dim=dim: getattr(torch_or_none(), name)(t, dim),
        )
    i = on_device(np.array([[1, 2], [3, 4]], "uint8"), device)
    result = getattr(i, name)(0)
    assert result.dtype == gpunet.int64
    np.testing.assert_array_equal(array_of(result), getattr(np, name)([[1, 2], [3, 4]], axis=0))
    assert getattr(i, name)(0, dtype=gpunet.float32).dtype == gpunet.float32


@pytest.mark.parametrize("options", [{"correction": 0}, {"unbiased": False}, {"correction": 2}])
@pytest.mark.parametrize("name", ["var", "std"])
def test_corrections(device, name, options):
    check_op(
        lambda t: getattr(t, name)(dim=1, **options),
        X,
        device=device,
        torch_function=lambda t: getattr(t, name)(dim=1, **options),
    )
    check_op(
        lambda t: getattr(t, name)(False),
        X,
        device=device,
        torch_function=lambda t: getattr(t, name)(False),
    )
    check_op(
        lambda t: getattr(gpunet, f"{name}_mean")(t, 1),
        X,
        device=device,
        torch_function=lambda t: getattr(torch_or_none(), f"{name}_mean")(t, 1),
    )


def test_the_deviation_of_equal_values_has_no_gradient(device):
    x = on_device(np.ones((2, 3)), device, True)
    x.std(dim=1).sum().backward()
    assert not array_of(x.grad).any()


def test_variance_of_too_few(device):
    for n in (0, 1):
        assert math.isnan(on_device(np.ones(n), device).var().item())
        assert math.isnan(on_device(np.ones(n), device).std().item())


@pytest.mark.parametrize("p", [1, 2, 3, 1.5, 0, math.inf, -math.inf, "fro"])
@pytest.mark.parametrize("dim", [None, 1, (0, 2)])
def test_norms(device, p, dim):
    if p == "fro" and dim == 1:
        dim = (1,)
    check_op(lambda t: t.norm(p, dim), X, device=device, torch_function=lambda t: t.norm(p, dim))
    check_op(
        lambda t: gpunet.norm(t, p, dim, True),
        X,
        device=device,
        torch_function=lambda t: torch_or_none().norm(t, p, dim, True),
    )


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_the_norm_of_zeros_has_a_gradient(device, p):
    x = on_device(np.zeros((2, 3)), device, True)
    x.norm(p, dim=1).sum().backward()
    assert array_of(x.grad).tolist() == [[0] * 3] * 2


def test_log_of_sums_of_infinities(device):
    x = np.array([[-np.inf, -np.inf], [np.inf, 0], [-np.inf, 1], [1000, 1000]])
    t = on_device(x, device, True)
    y = t.logsumexp(1)
    np.testing.assert_allclose(array_of(y), [-np.inf, np.inf, 1, 1000 + math.log(2)])
    y.sum().backward() if device == "cuda" else y[2:].sum().backward()
    np.testing.assert_allclose(array_of(t.grad)[2:], [[0, 1], [0.5, 0.5]])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(device, name):
    x = np.array([[1.0, 5.0, 5.0], [0.0, np.nan, 7.0], [2.0, 0.0, 0.0]])
    torch = torch_or_none()
    for args in ((), (0,), (1,), (-1, True), (None, True)):
        ours = getattr(on_device(x, device, True), name)(*args)
        assert ours.dtype == gpunet.int64
        assert not ours.requires_grad
        if torch:
            expected = getattr(torch.tensor(x), name)(*args)
            np.testing.assert_array_equal(array_of(ours), expected.numpy())


def test_median_of_nans_and_nothing(device):
    x = on_device([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]], device)
    values, indices = x.median(1)
    np.testing.assert_array_equal(array_of(values), [np.nan, 2])
    assert array_of(indices).tolist() == [1, 2]
    assert math.isnan(on_device(np.ones(0), device).median().item())


def test_truth(device):
    x = np.array([[0, 1, 2], [0, 0, 0]])
    for dtype in ("bool", "int64", "float32", "uint8"):
        t = on_device(x.astype(dtype), device)
        for name in ("any", "all"):
            result = getattr(t, name)(dim=1)
            assert result.dtype == (gpunet.uint8 if dtype == "uint8" else gpunet.bool)
            np.testing.assert_array_equal(array_of(result), getattr(x, name)(1))
            assert getattr(gpunet, name)(t).item() == getattr(x, name)()
            assert getattr(t, name)(dim=(0, 1), keepdim=True).shape == (1, 1)
        assert t.count_nonzero().item() == np.count_nonzero(x.astype(dtype))
        assert array_of(t.count_nonzero(dim=0)).tolist() == np.count_nonzero(x, 0).tolist()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float32"])
def test_dtypes(device, dtype):
    torch = torch_or_none()
    x = np.array([[1, 0, 1], [1, 1, 1]]).astype(dtype)
    t = on_device(x, device)
    for name in ("sum", "prod", "cumsum", "amax"):
        args = (1,) if name == "cumsum" else ()
        result = getattr(t, name)(*args)
        if torch:
            expected = getattr(torch.tensor(x), name)(*args)
            assert str(result.dtype) == str(expected.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(array_of(result), expected.numpy())
    assert t.sum(dtype=gpunet.float64).dtype == gpunet.float64
    assert t.mean(dtype=gpunet.float64).item() == pytest.approx(5 / 6)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    data=st.data(),
    name=st.sampled_from(["sum", "mean", "amax", "logsumexp"]),
    keepdim=st.booleans(),
)
def test_any_shape_and_dims(shape, data, name, keepdim):
    torch = torch_or_none()
    dims = data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    dims = tuple(d - len(shape) if data.draw(st.booleans()) else d for d in dims)
    x = np.random.default_rng(2).standard_normal(shape)
    ours = gpunet.Tensor(x).requires_grad_()
    y = getattr(ours, name)(dim=dims, keepdim=keepdim)
    y.backward(gpunet.Tensor(np.ones(y.shape)))
    assert ours.grad.shape == tuple(shape)
    if torch:
        other = torch.tensor(x, requires_grad=True)
        z = getattr(other, name)(dim=dims, keepdim=keepdim)
        np.testing.assert_allclose(array_of(y), z.detach().numpy(), rtol=1e-9, atol=1e-12)
        z.sum().backward()
        np.testing.assert_allclose(array_of(ours.grad), other.grad.numpy(), atol=1e-12)


def test_reductions_of_nothing(device):
    empty = on_device(np.ones((0, 3), "f"), device, True)
    assert empty.sum().item() == 0
    assert empty.prod().item() == 1
    assert math.isnan(empty.mean().item())
    assert array_of(empty.sum(0)).tolist() == [0, 0, 0]
    assert empty.amax(1).shape == (0,)
    assert empty.max(1).indices.shape == (0,)
    assert empty.logsumexp(0).shape == (3,)
    empty.sum().backward()
    assert empty.grad.shape == (0, 3)
    for call in (empty.max, empty.amin, empty.argmax):
        with pytest.raises(RuntimeError, match="no elements"):
            call()
        with pytest.raises(IndexError, match="reduction dim 0"):
            call(0)


def test_errors(device):
    x, i = on_device(X, device), on_device([1, 2], device)
    for name in (
        "sum",
        "mean",
        "amax",
        "max",
        "argmax",
        "cumsum",
        "logsumexp",
        "any",
        "std",
        "norm",
    ):
        options = {"dim": 3}
        with pytest.raises(IndexError, match=r"expected to be in range of \[-3, 2\], but got 3"):
            getattr(x, name)(**options)
    with pytest.raises(RuntimeError, match="dim"):
        x.sum((0, -3))
    for name in ("mean", "std", "var", "norm"):
        with pytest.raises(RuntimeError, match=f"{name}: expected a floating-point tensor"):
            getattr(i, name)()
    with pytest.raises(ValueError, match='"fro"'):
        x.norm("nuc")
