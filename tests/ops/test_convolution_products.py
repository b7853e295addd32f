"""What a convolution on a GPU launches: columns and products, and nothing between them."""

import numpy as np
import pytest
from opcheck import array_of

import gpunet
from gpunet import nn
from gpunet.backend import Device, backend_for

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("counts the launches of the stand-in", allow_module_level=True)


@pytest.fixture
def launches():
    from cupy import _standin

    def of(function):
        function()
        _standin.reset()
        result = function()
        return result, [what for kind, what in _standin.history if kind == "launch"]

    return of


@pytest.mark.parametrize("act", [nn.Identity, nn.ReLU])
@pytest.mark.parametrize("kernel", [1, 3])
def test_bias_and_relu_are_part_of_the_product(launches, act, kernel):
    model = nn.Sequential(nn.Conv2d(4, 8, kernel), act()).to("cuda")
    x = gpunet.randn(2, 4, 6, 6, device="cuda").to(memory_format=gpunet.channels_last)
    with gpunet.no_grad():
        y, made = launches(lambda: model(x))
    assert made == [*(["im2col"] if kernel == 3 else []), "cublasLt matmul"]
    np.testing.assert_allclose(array_of(y), array_of(model.to("cpu")(x.cpu())), atol=1e-5)


def test_the_fallback_has_a_kernel_for_it(launches, monkeypatch):
    monkeypatch.setitem(vars(backend_for(Device("cuda"))), "cublaslt", None)
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU()).to("cuda")
    x = gpunet.randn(2, 4, 6, 6, device="cuda").to(memory_format=gpunet.channels_last)
    y, made = launches(lambda: model(x))
    assert made == ["im2col", "bias_act_forward"]
    np.testing.assert_allclose(array_of(y), array_of(model.to("cpu")(x.cpu())), atol=1e-5)


@pytest.mark.parametrize("columns", [300, 10_000])
def test_tiles_give_the_same_numbers(monkeypatch, columns):
    from gpunet.kernels.cuda import convolution

    model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3)).to("cuda")
    x = gpunet.randn(3, 3, 7, 7, device="cuda").requires_grad_()
    found = []
    for size in (convolution.COLUMN_BYTES, columns):
        monkeypatch.setattr(convolution, "COLUMN_BYTES", size)
        x.grad = None
        model.zero_grad()
        model(x).square().sum().backward()
        found.append([array_of(x.grad), *(array_of(p.grad) for p in model.parameters())])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
