import itertools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, on_device, torch_or_none

import gpunet

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def name_of(torch_dtype):
    return str(torch_dtype).removeprefix("torch.")


@pytest.fixture
def torch():
    return torch_or_none() or pytest.skip("compares with PyTorch")


def test_promote_types_and_can_cast(torch):
    for a, b in itertools.product(DTYPES, DTYPES):
        ta, tb = getattr(torch, a), getattr(torch, b)
        assert gpunet.promote_types(a, b) == name_of(torch.promote_types(ta, tb)), (a, b)
        assert gpunet.can_cast(a, b) == torch.can_cast(ta, tb), (a, b)


OPERAND = st.one_of(
    st.tuples(st.sampled_from(DTYPES), st.sampled_from([(), (1,), (2,)])),
    st.sampled_from([True, 2, -3, 1.5]),
)


def both(operand, torch, device="cpu"):
    if isinstance(operand, tuple):
        values = np.ones(operand[1], operand[0])
        return on_device(values, device), torch.tensor(values)
    return operand, operand


@settings(max_examples=300, deadline=None)
@given(a=OPERAND, b=OPERAND, op=st.sampled_from(["add", "mul", "truediv", "floordiv", "mod", "lt"]))
def test_every_pair_of_operands(a, b, op):
    torch = torch_or_none()
    if torch is None or not (isinstance(a, tuple) or isinstance(b, tuple)):
        return
    (x, tx), (y, ty) = both(a, torch), both(b, torch)
    assert gpunet.result_type(x, y) == name_of(torch.result_type(tx, ty))
    function = getattr(operator, op)
    try:
        expected = function(tx, ty)
    except (RuntimeError, NotImplementedError, TypeError):
        return  # what PyTorch refuses for a dtype
    result = function(x, y)
    assert result.dtype == name_of(expected.dtype)
    np.testing.assert_allclose(array_of(result), expected.numpy(), rtol=1e-3)


def test_operators_on_every_device(device, torch):
    operands = [("int64", (2,)), ("float32", (2,)), ("float64", ()), ("bool", (2,)), 2, 0.5]
    for a, b in itertools.product(operands, operands):
        if isinstance(a, tuple) or isinstance(b, tuple):
            (x, tx), (y, ty) = both(a, torch, device), both(b, torch, device)
            for op in (operator.add, operator.truediv, operator.pow):
                try:
                    expected = op(tx, ty)
                except (RuntimeError, NotImplementedError):
                    continue
                result = op(x, y)
                assert result.dtype == name_of(expected.dtype), (a, b, op)
                np.testing.assert_allclose(array_of(result), expected.numpy(), rtol=1e-6)


def test_whole_numbers_wrap_around(device):
    x = on_device(np.array([1, 200], "uint8"), device)
    assert array_of(x + 300).tolist() == [45, 244]
    assert array_of(x + -1).tolist() == [0, 199]
    assert (x + 300).dtype == gpunet.uint8


def test_numpy_operands():
    x = on_device(np.array([1.0, 2.0], "f"), "cpu")
    assert (x * np.float64(2)).dtype == gpunet.float32  # a scalar counts as a number
    assert (np.float32(2) * x).dtype == gpunet.float32
    y = np.array([1.0, 2.0]) + x  # an array as a tensor, on either side
    assert isinstance(y, gpunet.Tensor)
    assert y.dtype == gpunet.float64
    assert array_of(x + np.array([1.0, 2.0])).tolist() == [2, 4]
    assert array_of(np.array([1.0, 3.0]) > x).tolist() == [False, True]


def test_gradients_flow_through_promotion(device):
    a = on_device(np.array([1.0, 2.0], "f"), device, True)
    b = on_device(np.array([3.0, 4.0]), device, True)
    i = on_device([2, 3], device)
    c = a * b * i
    assert c.dtype == gpunet.float64
    c.sum().backward()
    assert a.grad.dtype == gpunet.float32
    assert b.grad.dtype == gpunet.float64
    assert array_of(a.grad).tolist() == [6, 12]
    assert array_of(b.grad).tolist() == [2, 6]


def test_the_default_dtype(device):
    assert gpunet.get_default_dtype() == gpunet.float32
    i = on_device([1, 2], device)
    gpunet.set_default_dtype(gpunet.float64)
    try:
        assert (i / 2).dtype == (i * 0.5).dtype == i.exp().dtype == gpunet.float64
    finally:
        gpunet.set_default_dtype(gpunet.float32)
    assert (i / 2).dtype == gpunet.float32
    with pytest.raises(TypeError, match="floating-point"):
        gpunet.set_default_dtype(gpunet.int64)


def test_dtypes_are_numpys():
    assert gpunet.float32 == np.float32 == gpunet.float
    assert gpunet.long == np.int64
    assert gpunet.bool == np.bool_
    assert gpunet.finfo(gpunet.float32).max == np.finfo("f").max
    with pytest.raises(TypeError, match="complex64"):
        on_device([1.0], "cpu").to(np.complex64)


def test_errors():
    with pytest.raises(TypeError, match="expected a tensor"):
        gpunet.add(1, 2)
    with pytest.raises(TypeError, match="got str"):
        gpunet.result_type(on_device([1.0], "cpu"), "a")
    with pytest.raises(TypeError, match="at least one operand"):
        gpunet.result_type()
