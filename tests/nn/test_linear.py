import math

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.errors import DeviceError
from gpunet.nn import functional as F
from gpunet.nn.functional.linear import linear_act

torch = torch_or_none()
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


@pytest.mark.parametrize("shape", [(5, 7), (7,), (2, 3, 7), (0, 7), (2, 0, 7), (1, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(device, shape, bias):
    arrays = (normal(*shape), normal(3, 7), *((normal(3),) if bias else ()))
    check_op(F.linear, *arrays, device=device, torch_function=torch and torch.nn.functional.linear)


@pytest.mark.parametrize("shape", [(5, 7), (7,)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_with_a_weight_of_one_axis(device, shape, bias):
    arrays = (normal(*shape), normal(7), *((normal(),) if bias else ()))

    def theirs(x, w, b=0):  # PyTorch's own does not take a bias here for every shape
        return x @ w + b

    check_op(F.linear, *arrays, device=device, torch_function=torch and theirs)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("shape", [(5, 7), (7,), (2, 3, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_with_an_activation(device, activation, shape, bias):
    arrays = (normal(*shape), normal(3, 7), *((normal(3),) if bias else ()))

    def theirs(x, w, b=None):
        return getattr(torch, activation)(torch.nn.functional.linear(x, w, b))

    check_op(
        lambda x, w, b=None: linear_act(x, w, b, activation),
        *arrays,
        device=device,
        torch_function=torch and theirs,
    )


@pytest.mark.parametrize("shape", [(4,), (), (2, 3), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_bilinear(device, shape, bias):
    arrays = (normal(*shape, 3), normal(*shape, 2), normal(5, 3, 2))
    arrays += (normal(5),) if bias else ()
    theirs = torch and torch.nn.functional.bilinear
    check_op(F.bilinear, *arrays, device=device, torch_function=theirs)


def tensors(*shapes, dtype=np.float32):
    return [gpunet.Tensor(np.zeros(shape, dtype)) for shape in shapes]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3), (4, 5)), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 5x4\)"),
        (((2, 2, 3), (4, 5)), r"multiplied \(4x3 and 5x4\).*\(2, 2, 3\).*\(4, 5\) takes 5"),
        (((), (4, 5)), "at least one axis"),
        (((2, 5), (4, 5, 1)), "weight one or two"),
        (((2, 5), (4, 5), (5,)), r"bias of shape \(4,\).*got \(5,\)"),
        (((2, 5), (4, 5), (1,)), r"bias of shape \(4,\).*got \(1,\)"),
        (((2, 5), (5,), (5,)), r"bias of shape \(\).*got \(5,\)"),
    ],
)
def test_linear_refuses_shapes(shapes, message):
    with pytest.raises(RuntimeError, match=message):
        F.linear(*tensors(*shapes))


def test_linear_refuses_dtypes_and_other_things():
    x, w, b = tensors((2, 5), (4, 5), (4,))
    with pytest.raises(RuntimeError, match="input has float64, weight has float32"):
        F.linear(*tensors((2, 5), dtype=np.float64), w)
    with pytest.raises(RuntimeError, match=r"same dtype.*bias has float64"):
        F.linear(x, w, *tensors((4,), dtype=np.float64))
    with pytest.raises(TypeError, match=r"'input' must be a gpunet\.Tensor, not ndarray"):
        F.linear(x.array, w, b)
    with pytest.raises(TypeError, match=r"'bias' must be a gpunet\.Tensor, not float"):
        F.linear(x, w, 1.0)


def test_linear_refuses_two_devices(cuda):
    x, w = tensors((2, 5), (4, 5))
    with pytest.raises(DeviceError, match=r"argument 0 is on cpu.*argument 1 is on cuda:0"):
        F.linear(x, on_device(w.array, cuda))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3), (2, 4), (5, 3)), r"weight must have shape \(N, K, J\)"),
        (((2, 3), (3, 4), (5, 3, 4)), r"expected \(\.\.\., 3\) and \(\.\.\., 4\)"),
        (((2, 3), (2, 3), (5, 3, 4)), "do not fit"),
        (((2, 3), (2, 4), (5, 3, 4), (4,)), r"bias of shape \(5,\)"),
    ],
)
def test_bilinear_refuses_shapes(shapes, message):
    with pytest.raises(RuntimeError, match=message):
        F.bilinear(*tensors(*shapes))


def test_bilinear_refuses_no_features():
    with pytest.raises(ValueError, match="in1_features"):
        nn.Bilinear(0, 2, 3)


def test_the_layers(device):
    layer = nn.Linear(7, 3, device=device, dtype=np.float64)
    assert layer.weight.array.shape == (3, 7)
    assert layer.weight.array.dtype == np.float64
    assert layer.weight.device == device
    assert layer.weight.requires_grad
    assert np.abs(array_of(layer.weight)).max() <= 1 / math.sqrt(7)
    x = on_device(normal(2, 7), device)
    expected = array_of(x) @ array_of(layer.weight).T + array_of(layer.bias)
    np.testing.assert_allclose(array_of(layer(x)), expected)
    assert nn.Linear(2, 3, bias=False).bias is None
    both = nn.Bilinear(7, 7, 2, device=device, dtype=np.float64)
    assert both(x, x).shape == (2, 2)
    assert nn.Identity(3, a=4)(x) is x


def test_layers_without_features():
    with pytest.warns(UserWarning, match="zero-element"):
        layer = nn.Linear(0, 3)
    y = layer(gpunet.Tensor(np.zeros((2, 0), np.float32)))
    np.testing.assert_array_equal(y.array, np.broadcast_to(layer.bias.array, (2, 3)))
    with pytest.raises(ValueError, match="negative"):
        nn.Linear(-1, 3)


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
def test_repr_is_pytorchs():
    for make in (
        lambda nn: nn.Linear(2, 3),
        lambda nn: nn.Linear(2, 3, bias=False),
        lambda nn: nn.Bilinear(2, 3, 4),
        lambda nn: nn.Identity(),
        lambda nn: nn.Flatten(),
        lambda nn: nn.Unflatten(1, (2, 3)),
    ):
        assert repr(make(nn)) == repr(make(torch.nn))


def test_flatten_and_unflatten(device):
    x = normal(2, 3, 4, 5)
    their = torch and torch.nn
    for make in (
        lambda nn: nn.Flatten(),
        lambda nn: nn.Flatten(0, 1),
        lambda nn: nn.Flatten(-2),
        lambda nn: nn.Unflatten(2, (2, -1)),
    ):
        check_op(make(nn), x, device=device, torch_function=their and make(their))


def test_unflatten_refuses():
    with pytest.raises(TypeError, match="found element of type str at pos 1"):
        nn.Unflatten(1, (2, "3"))
    with pytest.raises(TypeError, match="unflattened_size"):
        nn.Unflatten(1, 6)
    with pytest.raises(TypeError, match="dim"):
        nn.Unflatten("channels", (2, 3))
