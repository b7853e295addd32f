import re

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet

RNG = np.random.default_rng(0)


def same(ours, theirs, rtol=0.0):
    """Values, shape and dtype of a tensor are those of PyTorch's."""
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(array_of(ours), theirs.numpy(), rtol=rtol, atol=rtol / 3)


CALLS = {
    "zeros": lambda m, **o: m.zeros(2, 3, **o),
    "zeros of tuple": lambda m, **o: m.zeros((2, 0), **o),
    "zeros of nothing": lambda m, **o: m.zeros((), **o),
    "zeros dtype": lambda m, **o: m.zeros(2, dtype=m.int32, **o),
    "ones": lambda m, **o: m.ones([2, 3], **o),
    "ones bool": lambda m, **o: m.ones(2, dtype=m.bool, **o),
    "full": lambda m, **o: m.full((2, 3), 1.5, **o),
    "full int": lambda m, **o: m.full((2,), 7, **o),
    "full bool": lambda m, **o: m.full((2,), True, **o),
    "full dtype": lambda m, **o: m.full((2,), 7, dtype=m.float64, **o),
    "arange": lambda m, **o: m.arange(5, **o),
    "arange float": lambda m, **o: m.arange(2.5, **o),
    "arange start": lambda m, **o: m.arange(2, 7, **o),
    "arange step": lambda m, **o: m.arange(1, 2, 0.3, **o),
    "arange back": lambda m, **o: m.arange(5, 0, -2, **o),
    "arange nothing": lambda m, **o: m.arange(3, 3, **o),
    "arange dtype": lambda m, **o: m.arange(3, dtype=m.float64, **o),
    "arange tenths": lambda m, **o: m.arange(0, 1, 0.1, dtype=m.float64, **o),
    "linspace": lambda m, **o: m.linspace(-1, 1, 7, **o),
    "linspace one": lambda m, **o: m.linspace(3, 9, 1, **o),
    "linspace none": lambda m, **o: m.linspace(3, 9, 0, **o),
    "linspace int": lambda m, **o: m.linspace(0, 10, 5, dtype=m.int64, **o),
    "logspace": lambda m, **o: m.logspace(-1, 2, 4, **o),
    "logspace base": lambda m, **o: m.logspace(0, 3, 4, base=2, **o),
    "eye": lambda m, **o: m.eye(3, **o),
    "eye wide": lambda m, **o: m.eye(2, 3, dtype=m.int64, **o),
    "tensor number": lambda m, **o: m.tensor(3, **o),
    "tensor float": lambda m, **o: m.tensor(3.5, **o),
    "tensor bool": lambda m, **o: m.tensor([True, False], **o),
    "tensor list": lambda m, **o: m.tensor([[1, 2], [3, 4]], **o),
    "tensor mixed": lambda m, **o: m.tensor([[1, 2.5], (True, 4)], **o),
    "tensor empty": lambda m, **o: m.tensor([], **o),
    "tensor empty rows": lambda m, **o: m.tensor([[], []], **o),
    "tensor array": lambda m, **o: m.tensor(np.eye(2), **o),
    "tensor scalar": lambda m, **o: m.tensor(np.float64(2), **o),
    "tensor scalars": lambda m, **o: m.tensor([np.float32(2), np.float32(3)], **o),
    "tensor of tensors": lambda m, **o: m.tensor([m.tensor(1.0), m.tensor(2.0)], **o),
    "tensor dtype": lambda m, **o: m.tensor([1, 2], dtype=m.float64, **o),
    "tensor cut": lambda m, **o: m.tensor([1.7, -2.7], dtype=m.int64, **o),
    "as_tensor": lambda m, **o: m.as_tensor([1, 2.0], **o),
    "as_tensor array": lambda m, **o: m.as_tensor(np.arange(3), **o),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_pytorch(device, name):
    result = CALLS[name](gpunet, device=device)
    assert result.device == gpunet.device(device)
    assert result.is_leaf
    assert not result.requires_grad
    torch = torch_or_none()
    if torch:
        same(result, CALLS[name](torch), rtol=3e-7)


def test_empty_and_requires_grad(device):
    x = gpunet.empty(2, 3, device=device, requires_grad=True)
    assert x.shape == (2, 3)
    assert x.requires_grad
    assert gpunet.tensor([1.0], device=device, requires_grad=True).requires_grad


@pytest.mark.parametrize("kind", ["zeros", "ones", "full", "empty"])
def test_like_and_new(device, kind):
    x = on_device(np.zeros((2, 3), "int32"), device)
    value = (7,) if kind == "full" else ()
    like = getattr(gpunet, f"{kind}_like")
    expected = {"zeros": 0, "ones": 1, "full": 7}.get(kind)
    size = ((4, 5),) if kind == "full" else (4, 5)
    for made, shape, dtype in [
        (like(x, *value), (2, 3), "int32"),
        (like(x, *value, dtype=gpunet.float64), (2, 3), "float64"),
        (getattr(x, f"new_{kind}")(*size, *value), (4, 5), "int32"),
        (getattr(x, f"new_{kind}")(*size, *value, dtype=gpunet.float32), (4, 5), "float32"),
    ]:
        assert (made.shape, made.dtype, made.device) == (shape, np.dtype(dtype), x.device)
        if expected is not None:
            assert (array_of(made) == expected).all()
    assert like(x, *value, device="cpu").device == gpunet.device("cpu")


def test_like_keeps_the_memory_order(device):
    x = on_device(np.zeros((2, 4, 5, 3)), device).permute(0, 3, 1, 2)
    assert gpunet.zeros_like(x).array.strides == x.array.strides
    assert gpunet.ones_like(x.expand(2, 3, 4, 5)).shape == x.shape


def test_new_tensor(device):
    x = on_device(np.zeros(2), device)
    made = x.new_tensor([1, 2])
    assert (made.dtype, made.device) == (x.dtype, x.device)
    np.testing.assert_array_equal(array_of(made), [1, 2])


def test_tensor_copies(device):
    array = np.zeros(3)
    x = gpunet.tensor(array, device=device)
    array[0] = 1
    y = gpunet.tensor(x)
    x.array[...] = 2
    np.testing.assert_array_equal(array_of(y), [0, 0, 0])
    assert y.device == x.device
    z = on_device(np.ones(2), device, True)
    assert gpunet.tensor(z * 2).is_leaf


def test_as_tensor_shares(device):
    x = on_device(np.zeros(3), device, True)
    assert gpunet.as_tensor(x) is x
    assert gpunet.as_tensor(x, dtype=gpunet.float32).dtype == gpunet.float32
    assert gpunet.as_tensor(x.array).array is x.array
    assert gpunet.asarray(x.array, copy=True).array is not x.array
    array = np.zeros(3)
    assert gpunet.as_tensor(array).array is array
    assert gpunet.as_tensor(array, device=device).device == x.device
    assert gpunet.asarray([1.0], requires_grad=True).requires_grad


def test_from_numpy_shares(device):
    array = on_device(np.zeros(3), device).array
    x = gpunet.from_numpy(array)
    assert x.device == gpunet.device(device)
    array[0] = 5
    assert float(x[0]) == 5
    x[1] = 4
    assert float(array[1]) == 4


def test_from_numpy_of_a_subclass(tmp_path):
    array = np.memmap(tmp_path / "data", "float32", "w+", shape=(3,))
    x = gpunet.from_numpy(array)
    assert type(x.array) is np.ndarray
    x[0] = 5
    assert array[0] == 5


def test_default_dtype():
    assert gpunet.get_default_dtype() == gpunet.float32
    gpunet.set_default_dtype(gpunet.float64)
    try:
        for x in (gpunet.tensor([1.0]), gpunet.tensor(1.0), gpunet.zeros(2), gpunet.arange(1.0)):
            assert x.dtype == gpunet.float64
        assert gpunet.full((2,), 1.0).dtype == gpunet.float64
    finally:
        gpunet.set_default_dtype(gpunet.float32)


def test_default_device(device):
    gpunet.set_default_device(device)
    try:
        expected = gpunet.device(device)
        assert gpunet.get_default_device() == expected
        for x in (gpunet.tensor([1.0]), gpunet.zeros(2), gpunet.arange(3), gpunet.eye(2)):
            assert x.device == expected
        assert gpunet.as_tensor(np.zeros(2)).device == expected
        assert gpunet.zeros(2, device="cpu").device == gpunet.device("cpu")
    finally:
        gpunet.set_default_device("cpu")


def test_between_devices(cuda):
    x = gpunet.tensor([1.5, 2.5])
    moved = gpunet.tensor(x, device=cuda, dtype=gpunet.int64)
    np.testing.assert_array_equal(array_of(moved), [1, 2])
    back = gpunet.tensor(moved, device="cpu")
    assert type(back.array) is np.ndarray
    mixed = gpunet.tensor([moved[0], moved[1]])
    assert mixed.tolist() == [1, 2]


ERRORS = {
    "ragged": (
        lambda: gpunet.tensor([[1, 2], [3]]),
        ValueError,
        r"dim 1, got a list of 2 and a list of 1",
    ),
    "ragged depth": (
        lambda: gpunet.tensor([[[1], [2]], [[1], 2]]),
        ValueError,
        "dim 2.*list of 1 and a number",
    ),
    "string": (lambda: gpunet.tensor(["a"]), TypeError, "'a' of type str"),
    "none": (lambda: gpunet.tensor(None), TypeError, "None of type NoneType"),
    "object": (lambda: gpunet.tensor([1, object()]), TypeError, "of type object"),
    "complex": (lambda: gpunet.tensor([1j]), TypeError, "1j of type complex"),
    "large": (lambda: gpunet.tensor([2**70]), OverflowError, "64 bits"),
    "large uint": (lambda: gpunet.tensor(2**63), OverflowError, "64 bits"),
    "gradient": (
        lambda: gpunet.tensor([1], requires_grad=True),
        RuntimeError,
        "floating point.*int64",
    ),
    "gradient zeros": (
        lambda: gpunet.zeros(2, dtype=int, requires_grad=True),
        RuntimeError,
        "int64",
    ),
    "dtype": (lambda: gpunet.zeros(2, dtype="complex64"), TypeError, "complex64"),
    "dtype name": (lambda: gpunet.tensor([1], dtype="number"), TypeError, "number"),
    "device": (lambda: gpunet.zeros(2, device="gpu"), RuntimeError, "'gpu'"),
    "size": (lambda: gpunet.zeros(2, -1), RuntimeError, r"\(2, -1\)"),
    "size type": (lambda: gpunet.zeros(2.5), TypeError, "2.5"),
    "step": (lambda: gpunet.arange(0, 3, 0), RuntimeError, "nonzero"),
    "sign": (lambda: gpunet.arange(3, 0), RuntimeError, "inconsistent"),
    "infinite": (lambda: gpunet.arange(0, float("inf")), RuntimeError, "inf"),
    "nan": (lambda: gpunet.arange(float("nan")), RuntimeError, "nan"),
    "steps": (lambda: gpunet.linspace(0, 1, -1), RuntimeError, "-1"),
    "number": (lambda: gpunet.full((2,), "x"), TypeError, "fill_value.*'x'"),
    "start": (lambda: gpunet.arange([1, 2]), TypeError, "end"),
    "eye": (lambda: gpunet.eye(-1), RuntimeError, "-1"),
    "from list": (lambda: gpunet.from_numpy([1]), TypeError, "got list"),
    "from text": (lambda: gpunet.from_numpy(np.array(["a"])), TypeError, "<U1"),
    "from big-endian": (lambda: gpunet.from_numpy(np.zeros(2, ">f4")), TypeError, ">f4"),
    "from reversed": (lambda: gpunet.from_numpy(np.zeros(3)[::-1]), ValueError, "negative"),
    "default": (lambda: gpunet.set_default_dtype(int), TypeError, "int64"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_was_given(name):
    call, kind, message = ERRORS[name]
    with pytest.raises(kind) as caught:
        call()
    assert re.search(message, str(caught.value)), str(caught.value)
