import operator

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet

VALUES = np.array([[0.0, 1.0, 2.0], [3.0, np.nan, -1.0]])


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons(device, op):
    x = on_device(VALUES, device, True)
    python, numpy_form = getattr(operator, op), getattr(operator, op)
    row = np.array([1.0, 1.0, 2.0])
    for other in (1.0, 1, row):
        theirs = numpy_form(VALUES, other)
        ours = on_device(other, device) if isinstance(other, np.ndarray) else other
        for result in (python(x, ours), getattr(gpunet, op)(x, ours), getattr(x, op)(ours)):
            assert result.dtype == gpunet.bool
            assert not result.requires_grad
            np.testing.assert_array_equal(array_of(result), theirs)
    np.testing.assert_array_equal(array_of(python(1.0, x)), numpy_form(1.0, VALUES))


def test_comparison_promotes(device):
    i, f = on_device([1, 2], device), on_device(np.array([1.5, 2.0], "f"), device)
    assert array_of(i < f).tolist() == [True, False]
    assert array_of(i == 2.0).tolist() == [False, True]


def test_comparison_with_none(device):
    x = on_device([1.0], device)
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    with pytest.raises(TypeError):
        x < None  # noqa: B015


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_logic(device, name):
    a, b = np.array([0.0, 1.0, 0.0, 2.0]), np.array([0.0, 0.0, 3.0, 1.0])
    result = getattr(gpunet, name)(on_device(a, device), on_device(b, device))
    np.testing.assert_array_equal(array_of(result), getattr(np, name)(a, b))
    assert array_of(on_device(a, device).logical_not()).tolist() == [True, False, True, False]


def test_bitwise(device):
    a, b = on_device([True, True, False], device), on_device([True, False, False], device)
    assert array_of(a & b).tolist() == [True, False, False]
    assert array_of(a | b).tolist() == [True, True, False]
    assert array_of(a ^ b).tolist() == [False, True, False]
    assert array_of(~a).tolist() == [False, False, True]
    i = on_device([6, 3], device)
    assert array_of(i & 2).tolist() == [2, 2]
    assert array_of(~i).tolist() == [-7, -4]
    a &= b
    assert array_of(a).tolist() == [True, False, False]
    with pytest.raises(RuntimeError, match="not floats"):
        i & on_device([1.0, 2.0], device)
    with pytest.raises(TypeError, match="integer and Boolean"):
        ~on_device([1.0], device)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite"])
def test_special_values(device, name):
    values = np.array([0.0, np.nan, np.inf, -np.inf])
    for x in (values, values.astype("f"), np.array([1, 2])):
        result = getattr(gpunet, name)(on_device(x, device))
        assert result.dtype == gpunet.bool
        np.testing.assert_array_equal(array_of(result), getattr(np, name)(x))


def test_closeness(device):
    a, b = on_device([1.0, np.nan, np.inf], device), on_device([1.0 + 1e-7, np.nan, np.inf], device)
    assert array_of(gpunet.isclose(a, b)).tolist() == [True, False, True]
    assert array_of(a.isclose(b, equal_nan=True)).tolist() == [True, True, True]
    assert gpunet.allclose(a, b, equal_nan=True) is True
    assert a.allclose(b) is False
    assert a.allclose(b, atol=1e-12, rtol=0.0, equal_nan=True) is False
    with pytest.raises(RuntimeError, match="did not match"):
        gpunet.isclose(a, a.float())


def test_equal(device):
    a = on_device([1.0, 2.0], device)
    assert gpunet.equal(a, a.clone()) is True
    assert a.equal(a + 1) is False
    assert a.equal(on_device([1.0], device)) is False


def test_tensors_are_keys_by_identity(device):
    a, b = on_device([1.0], device), on_device([1.0], device)
    assert len({a: 1, b: 2}) == 2
    assert {a: 1}[a] == 1


def test_against_pytorch_with_all_dtypes(device):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("compares with PyTorch")
    for dtype in ("bool", "uint8", "int32", "int64", "float16", "float32", "float64"):
        x, y = np.array([0, 1, 2]).astype(dtype), np.array([1, 1, 0]).astype(dtype)
        for name in ("eq", "lt", "ge", "logical_or"):
            ours = getattr(gpunet, name)(on_device(x, device), on_device(y, device))
            theirs = getattr(torch, name)(torch.tensor(x), torch.tensor(y))
            np.testing.assert_array_equal(array_of(ours), theirs.numpy())
