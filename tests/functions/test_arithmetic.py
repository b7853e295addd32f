import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)
SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 4), (3, 1)),
    ((0, 3), (1, 3)),
    ((), (3,)),
    ((1,), ()),
]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


def away_from_zero(shape):
    return RNG.uniform(0.5, 2, shape) * RNG.choice([-1.0, 1.0], shape)


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("op", OPERATORS)
def test_operators_broadcast(device, op, left, right):
    check_op(op, RNG.standard_normal(left), away_from_zero(right), device=device, torch_function=op)


@pytest.mark.parametrize("op", [*OPERATORS, operator.pow, operator.mod])
@pytest.mark.parametrize("number", [2, -1.5, 3.0, 0.5])
def test_operators_with_numbers(device, op, number):
    x = RNG.uniform(0.3, 2, (3, 4))

    def both(t):
        return op(t, number) if op is operator.mod else op(t, abs(number))

    check_op(both, x, device=device, torch_function=both)
    if op is not operator.mod:
        check_op(
            lambda t: op(abs(number), t),
            x,
            device=device,
            torch_function=lambda t: op(abs(number), t),
        )


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_maximum_and_minimum(device, left, right):
    a, b = RNG.standard_normal(left), RNG.standard_normal(right)
    torch = torch_or_none()
    for name in ("maximum", "minimum"):
        check_op(
            getattr(gpunet, name),
            a,
            b,
            device=device,
            torch_function=torch and getattr(torch, name),
        )


@pytest.mark.parametrize("name", ["atan2", "logaddexp"])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_functions_of_two(device, name, left, right):
    torch = torch_or_none()
    a, b = RNG.standard_normal(left), away_from_zero(right)
    function = getattr(gpunet, name)
    check_op(function, a, b, device=device, torch_function=torch and getattr(torch, name))


def test_atan2_of_whole_numbers(device):
    assert on_device([1, 0], device).atan2(on_device([0, 1], device)).dtype == gpunet.float32


def test_logaddexp_does_not_overflow(device):
    y = gpunet.logaddexp(on_device([1000.0], device), on_device([1000.0], device))
    np.testing.assert_allclose(array_of(y), 1000 + np.log(2))


def test_maximum_shares_the_gradient_of_a_tie(device):
    a = on_device([1.0, 2.0], device, True)
    b = on_device([1.0, 3.0], device, True)
    gpunet.maximum(a, b).sum().backward()
    assert array_of(a.grad).tolist() == [0.5, 0]
    assert array_of(b.grad).tolist() == [0.5, 1]


@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_remainders(device, name):
    torch = torch_or_none()
    a, b = RNG.uniform(-5, 5, (4, 5)), away_from_zero(5)
    check_op(
        getattr(gpunet, name),
        a,
        b,
        device=device,
        torch_function=torch and getattr(torch, name),
        tolerance=1e-5,
    )


@pytest.mark.parametrize("mode", [None, "floor", "trunc"])
@pytest.mark.parametrize("dtype", ["int64", "float32", "uint8"])
def test_division_rounds(device, mode, dtype):
    torch = torch_or_none()
    a, b = np.arange(12).astype(dtype), np.repeat(np.array([1, 2, 3, 5]), 3).astype(dtype)
    a = a if dtype == "uint8" else a - 6
    ours = gpunet.div(on_device(a, device), on_device(b, device), rounding_mode=mode)
    if torch:
        expected = torch.div(torch.tensor(a), torch.tensor(b), rounding_mode=mode).numpy()
        assert array_of(ours).dtype == expected.dtype
        np.testing.assert_array_equal(array_of(ours), expected)


def test_power_gradients_at_zero(device):
    torch = torch_or_none()
    base = np.array([0.0, 0.0, 0.0, 2.0, 1.5])
    exponent = np.array([0.0, 1.0, 2.0, 0.0, -1.5])
    results = []
    for library in (gpunet, torch):
        if library is None:
            continue
        if library is gpunet:
            a, b = on_device(base, device, True), on_device(exponent, device, True)
        else:
            a, b = (torch.tensor(x, requires_grad=True) for x in (base, exponent))
        (a**b).sum().backward()
        (a**0).sum().backward()
        (a**2.0).sum().backward()
        (0 ** gpunet.abs(b) if library is gpunet else 0 ** torch.abs(b)).sum().backward()
        results.append([array_of(x.grad) if library is gpunet else x.grad.numpy() for x in (a, b)])
    slope = [0.0, 1.0, 0.0, 0.0 + 4.0, -1.5 * 1.5**-2.5 + 3.0]  # of a^b and of a^2
    growth = [0.0, 0.0, 0.0, np.log(2.0), 1.5**-1.5 * np.log(1.5)]
    for found in results:  # ours, and PyTorch's where it is installed
        np.testing.assert_allclose(found[0], slope)
        np.testing.assert_allclose(found[1], growth)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, 2.5])
def test_power_of_a_number(device, exponent):
    x = RNG.uniform(0.5, 2, (3, 2))
    check_op(lambda t: t**exponent, x, device=device, torch_function=lambda t: t**exponent)


def test_sums_of_products(device):
    torch = torch_or_none()
    a, b, c = RNG.standard_normal((3, 4)), RNG.standard_normal(4), away_from_zero((3, 1))
    for name in ("addcmul", "addcdiv"):
        check_op(
            lambda *t, name=name: getattr(gpunet, name)(*t, value=0.3),
            a,
            b,
            c,
            device=device,
            torch_function=lambda *t, name=name: getattr(torch, name)(*t, value=0.3),
        )
    check_op(gpunet.lerp, a, b, c, device=device, torch_function=torch and torch.lerp)
    check_op(
        lambda a, b: gpunet.add(a, b, alpha=-0.3),
        a,
        b,
        device=device,
        torch_function=lambda a, b: torch.add(a, b, alpha=-0.3),
    )
    check_op(
        lambda a, b: gpunet.rsub(a, b, alpha=2),
        a,
        b,
        device=device,
        torch_function=lambda a, b: torch.rsub(a, b, alpha=2),
    )


@settings(max_examples=60, deadline=None)
@given(
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0),
    op=st.sampled_from(["add", "sub", "mul", "div", "maximum"]),
)
def test_any_shapes_that_broadcast(shapes, op):
    left, right = shapes.input_shapes
    rng = np.random.default_rng(1)
    a, b = rng.uniform(1, 2, left), rng.uniform(1, 2, right)
    x, y = (gpunet.Tensor(v).requires_grad_() for v in (a, b))
    z = getattr(gpunet, op)(x, y)
    assert z.shape == shapes.result_shape
    z.sum().backward()
    assert x.grad.shape == left
    assert y.grad.shape == right
    torch = torch_or_none()
    if torch:
        tx, ty = (torch.tensor(v, requires_grad=True) for v in (a, b))
        tz = getattr(torch, op)(tx, ty)
        tz.sum().backward()
        np.testing.assert_allclose(array_of(z), tz.detach().numpy())
        np.testing.assert_allclose(array_of(x.grad), tx.grad.numpy())
        np.testing.assert_allclose(array_of(y.grad), ty.grad.numpy())


def test_large_results_keep_the_memory_order(device):
    x = on_device(RNG.standard_normal((4, 32, 32, 16)), device)
    x = gpunet.Tensor(x.array.transpose(0, 3, 1, 2))  # channels-last, above the pool's threshold
    for y in (x + x, x * 2.0, x.exp(), x.relu(), x.clone(), x + x.sum(dim=(0, 2, 3), keepdim=True)):
        assert y.array.strides == x.array.strides


def test_special_values_come_without_warnings(device):
    x = on_device([0.0, 1.0, -1.0, np.inf, np.nan], device)
    zero = on_device([0.0], device)
    np.testing.assert_array_equal(array_of(x / zero), [np.nan, np.inf, -np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(array_of(x % zero), [np.nan] * 5)
    np.testing.assert_array_equal(array_of(x**-1), [np.inf, 1, -1, 0, np.nan])


def test_errors(device):
    f, i = on_device([1.0, 2.0, 3.0], device), on_device([1, 2, 3], device)
    b = on_device([True, False, True], device)
    with pytest.raises(RuntimeError, match=r"shapes \(3,\) and \(2,\) do not broadcast"):
        f + on_device([1.0, 2.0], device)
    for call in (gpunet.eq, gpunet.pow, gpunet.maximum, gpunet.remainder, gpunet.floor_divide):
        with pytest.raises(RuntimeError, match="do not broadcast"):
            call(f, on_device([1.0, 2.0], device))
    for call in (lambda: b - b, lambda: 1 - b, lambda: -b):
        with pytest.raises(RuntimeError, match="bool tensor"):
            call()
    for call in (lambda: i // 0, lambda: i % 0, lambda: gpunet.fmod(i, 0)):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            call()
    if device == "cpu":
        zeros = on_device([1, 0, 2], device)
        for call in (
            lambda: i // zeros,
            lambda: i % zeros,
            lambda: i.div(zeros, rounding_mode="trunc"),
        ):
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                call()
    with pytest.raises(RuntimeError, match="negative integer powers"):
        i**-1
    with pytest.raises(RuntimeError, match="alpha"):
        i.add(1, alpha=2.5)
    with pytest.raises(ValueError, match="rounding_mode"):
        f.div(2, rounding_mode="up")
    for other in ("a", None, [1, 2]):
        with pytest.raises(TypeError, match="unsupported operand"):
            f + other


def test_tensors_of_two_devices_do_not_mix(cuda):
    here, there = on_device([1.0, 2.0], "cpu"), on_device([1.0, 2.0], cuda)
    with pytest.raises(gpunet.errors.DeviceError, match="argument 1 is on cuda"):
        here + there


def test_a_cpu_tensor_without_axes_meets_any_device(cuda):
    scalar = on_device(3.0, "cpu", True)
    there = on_device([1.0, 2.0], cuda, True)
    y = scalar * there
    assert y.device == "cuda:0"
    y.sum().backward()
    assert scalar.grad.device == "cpu"
    assert scalar.grad.item() == 3.0
    assert array_of(there.grad).tolist() == [3, 3]
