"""Memory formats: asked for, converted, and kept by what works on images."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet import nn
from gpunet.backend import Device, backend_for

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")

SHAPES = [(2, 3, 5, 4), (2, 3, 1, 1), (1, 3, 5, 4), (2, 1, 5, 4), (1, 1, 1, 1)]


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def image(X, device, requires_grad=False):
    """A tensor with the values of `X` in channels-last memory."""
    tensor = on_device(np.ascontiguousarray(np.moveaxis(X, 1, -1)), device)
    tensor = gpunet.Tensor(tensor.array.transpose(0, X.ndim - 1, *range(1, X.ndim - 1)))
    return tensor.requires_grad_() if requires_grad else tensor


@needs_torch
@pytest.mark.parametrize("shape", SHAPES)
def test_formats_are_pytorchs(shape, device):
    def formats(module, plain, last):
        found = []
        for x in (plain, last):
            for y in (
                x,
                x.contiguous(),
                x.contiguous(memory_format=module.channels_last),
                x.to(memory_format=module.channels_last),
                x.to(memory_format=module.contiguous_format),
                x.clone(),
                x.clone(memory_format=module.contiguous_format),
                x.clone(memory_format=module.channels_last),
                module.empty_like(x),
                module.zeros_like(x, memory_format=module.contiguous_format),
                module.ones_like(x, memory_format=module.channels_last),
                module.full_like(x, 2.0, memory_format=module.preserve_format),
            ):
                found.append(
                    (y.is_contiguous(), y.is_contiguous(memory_format=module.channels_last))
                )
        return found

    X = values(shape)
    ours = formats(gpunet, on_device(X, device), image(X, device))
    theirs = torch.tensor(X)
    last = theirs.to(memory_format=torch.channels_last)
    assert ours == formats(torch, theirs, last)


def test_conversions_keep_values_and_gradients(device):
    X = values((2, 3, 5, 4))
    for memory_format in (gpunet.channels_last, gpunet.contiguous_format):
        for make in (on_device, image):
            x = make(X, device).requires_grad_()
            y = x.contiguous(memory_format=memory_format)
            assert (y is x) == x.is_contiguous(memory_format)
            np.testing.assert_array_equal(array_of(y.detach()), X)
            assert y.is_contiguous(memory_format)
            (y * y).sum().backward()
            np.testing.assert_allclose(array_of(x.grad), 2 * X)
    x = on_device(X, device)
    assert x.clone(memory_format=gpunet.contiguous_format).array is not x.array
    volume = on_device(values((2, 3, 2, 4, 5)), device)
    last = volume.to(memory_format=gpunet.channels_last_3d)
    assert last.is_contiguous(memory_format=gpunet.channels_last_3d)
    assert not last.is_contiguous(memory_format=gpunet.channels_last)
    assert repr(gpunet.channels_last) == "gpunet.channels_last"
    assert copy.deepcopy(gpunet.channels_last) is gpunet.channels_last
    assert isinstance(gpunet.channels_last, gpunet.memory_format)


def test_modules_accept_a_format():
    layer = nn.Linear(2, 3).to(memory_format=gpunet.channels_last)
    assert layer.weight.is_contiguous()
    with pytest.raises(TypeError, match="memory_format must be"):
        layer.to(memory_format="channels_last")


def test_what_formats_refuse():
    x = gpunet.zeros(2, 3)
    with pytest.raises(RuntimeError, match="required rank 4 tensor"):
        x.contiguous(memory_format=gpunet.channels_last)
    with pytest.raises(RuntimeError, match="required rank 5 tensor"):
        gpunet.zeros_like(x, memory_format=gpunet.channels_last_3d)
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported"):
        x.contiguous(memory_format=gpunet.preserve_format)
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported"):
        x.is_contiguous(memory_format=gpunet.preserve_format)
    for call in (
        x.contiguous,
        x.is_contiguous,
        lambda memory_format: x.to(memory_format=memory_format),
    ):
        with pytest.raises(TypeError, match="memory_format must be"):
            call(memory_format="channels_last")


#: name: (function, whether it keeps channels-last memory)
OPERATIONS = {
    "add": (lambda m, F, x, y: x + y, True),
    "add number": (lambda m, F, x, y: 1.5 + x, True),
    "add channels": (lambda m, F, x, y: x + y[0, :, :1, :1], True),
    "mul samples": (lambda m, F, x, y: x * y[:, :, :1, :1], True),
    "mul pixels": (lambda m, F, x, y: x * y[0, 0], True),
    "sub": (lambda m, F, x, y: x - y, True),
    "div": (lambda m, F, x, y: x / (y * y + 1), True),
    "pow": (lambda m, F, x, y: x**2, True),
    "maximum": (lambda m, F, x, y: m.maximum(x, y), True),
    "neg": (lambda m, F, x, y: -x, True),
    "exp": (lambda m, F, x, y: x.exp(), True),
    "clamp": (lambda m, F, x, y: x.clamp(-1, 1), True),
    "where": (lambda m, F, x, y: m.where(x > 0, x, y), True),
    "where number": (lambda m, F, x, y: m.where(x > 0, x, 0.5), True),
    "masked_fill": (lambda m, F, x, y: x.masked_fill(y > 0, 3.0), True),
    "relu": (lambda m, F, x, y: F.relu(x), True),
    "sigmoid": (lambda m, F, x, y: F.sigmoid(x), True),
    "gelu": (lambda m, F, x, y: F.gelu(x), True),
    "clone": (lambda m, F, x, y: x.clone(), True),
    "float": (lambda m, F, x, y: x.float(), None),
    "cat channels": (lambda m, F, x, y: m.cat([x, y], 1), True),
    "cat samples": (lambda m, F, x, y: m.cat([x, y], 0), True),
    "cat with one channel": (lambda m, F, x, y: m.cat([x[:, :1], y], 1), None),
    "pad": (lambda m, F, x, y: F.pad(x, (1, 2, 0, 1)), True),
    "pad reflect": (lambda m, F, x, y: F.pad(x, (1, 2, 0, 1), mode="reflect"), True),
    "crop": (lambda m, F, x, y: F.pad(x, (-1, 0, 0, -1)), True),
    "flip": (lambda m, F, x, y: x.flip(3), True),
    "batch_norm": (lambda m, F, x, y: F.batch_norm(x, None, None, training=True), True),
    "group_norm": (lambda m, F, x, y: F.group_norm(x, 2), True),
    "instance_norm": (lambda m, F, x, y: F.instance_norm(x), True),
    "layer_norm": (lambda m, F, x, y: F.layer_norm(x, tuple(x.shape[1:])), None),
    "softmax": (lambda m, F, x, y: F.softmax(x, 1), True),
    "log_softmax": (lambda m, F, x, y: F.log_softmax(x, 1), True),
    "softmax of rows": (lambda m, F, x, y: F.softmax(x, 3), None),
    "sum": (lambda m, F, x, y: x.sum(), None),
    "sum of channels": (lambda m, F, x, y: x.sum(1), None),
    "mean of pixels": (lambda m, F, x, y: x.mean((2, 3)), None),
    "mean kept": (lambda m, F, x, y: x.mean((0, 2, 3), keepdim=True), None),
    "var": (lambda m, F, x, y: x.var((0, 2, 3)), None),
    "amax": (lambda m, F, x, y: x.amax((2, 3)), None),
    "max": (lambda m, F, x, y: x.max(1)[0], None),
    "cumsum": (lambda m, F, x, y: x.cumsum(1), None),
    "flatten": (lambda m, F, x, y: x.flatten(1), None),
    "reshape": (lambda m, F, x, y: x.reshape(-1, 4), None),
    "permute": (lambda m, F, x, y: x.permute(0, 2, 3, 1).reshape(-1, 4), None),
    "stack": (lambda m, F, x, y: m.stack([x, y]), None),
    "index": (lambda m, F, x, y: x[:, 1:3, ::2, 1:] * 2, None),
    "chunk": (lambda m, F, x, y: x.chunk(2, 1)[0] * y.chunk(2, 1)[1], None),
    "mse": (lambda m, F, x, y: F.mse_loss(x, y), None),
    "l1": (lambda m, F, x, y: F.l1_loss(x, y), None),
    "linear": (lambda m, F, x, y: F.linear(x.flatten(1), y.flatten(1)), None),
    "residual": (lambda m, F, x, y: F.relu(x) + x * y, True),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_channels_last_images(name, device):
    function, kept = OPERATIONS[name]
    X, Y = values((3, 4, 6, 5)), values((3, 4, 6, 5), 1)
    results = []
    for make in (on_device, image):
        x, y = make(X, device).requires_grad_(), make(Y, device).requires_grad_()
        z = function(gpunet, F, x, y)
        dY = values(z.shape, 2)
        z.backward((make if kept else on_device)(dY, device).to(z.dtype))
        grads = [array_of(t.grad) if t.grad is not None else np.zeros(X.shape) for t in (x, y)]
        results.append([array_of(z.detach()), *grads])
    for plain, last in zip(*results):
        np.testing.assert_allclose(last, plain, rtol=1e-6, atol=1e-9, strict=True)
    if kept:
        assert z.is_contiguous(memory_format=gpunet.channels_last)
        assert x.grad.is_contiguous(memory_format=gpunet.channels_last)
    if torch is not None:
        x, y = (torch.tensor(a).to(memory_format=torch.channels_last) for a in (X, Y))
        x.requires_grad_()
        y.requires_grad_()
        z = function(torch, torch.nn.functional, x, y)
        z.backward(torch.tensor(values(z.shape, 2), dtype=z.dtype))
        grads = [t.grad.numpy() if t.grad is not None else np.zeros(X.shape) for t in (x, y)]
        for ours, theirs in zip(results[1], (z.detach().numpy(), *grads)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


def test_dropout_keeps_its_mask_in_another_memory_order(device):
    X = values((3, 4, 6, 5))
    x = image(X, device, True)
    y = F.dropout(x, 0.4)
    assert y.is_contiguous(memory_format=gpunet.channels_last)
    y.backward(on_device(np.ones(X.shape), device))  # in C order
    np.testing.assert_allclose(array_of(y.detach()), X * array_of(x.grad))
    assert 0 < (array_of(x.grad) == 0).mean() < 1


def test_sums_of_gradients_keep_the_order(device):
    seen = []
    x = image(values((3, 4, 6, 5)), device, True)
    y = x * 2
    y.register_hook(lambda g: seen.append(g.is_contiguous(memory_format=gpunet.channels_last)))
    (y.exp() + y.sin()).backward(image(values((3, 4, 6, 5), 1), device))
    assert seen == [True]


@pytest.mark.parametrize("shape", [*SHAPES, (2, 0, 5, 4)])
def test_a_transfer_keeps_the_order(shape, device):
    X, there = values(shape), "cpu" if device == "cuda" else "cuda"
    for make in (on_device, image):
        x = make(X, device).requires_grad_()
        y = x.to(there)
        for memory_format in (gpunet.contiguous_format, gpunet.channels_last):
            assert y.is_contiguous(memory_format) == x.is_contiguous(memory_format)
        np.testing.assert_array_equal(array_of(y.detach()), X)
        y.backward(make(X, there))
        assert x.grad.is_contiguous(gpunet.channels_last) == x.is_contiguous(gpunet.channels_last)
        np.testing.assert_array_equal(array_of(x.grad), X)


def test_a_transfer_of_a_view(device):
    there = "cpu" if device == "cuda" else "cuda"
    X = values((4, 3, 4, 5))
    for axes in ((3, 1, 0, 2), (3, 2, 1, 0)):
        y = on_device(X, device).permute(axes).to(there)
        assert y.stride() == on_device(X, device).permute(axes).stride()
        np.testing.assert_array_equal(array_of(y), X.transpose(axes))
    for index in ((slice(None), slice(1, 3)), (slice(None, None, 3),)):  # with gaps
        y = image(X, device)[index].to(there)
        assert y.is_contiguous()
        np.testing.assert_array_equal(array_of(y), X[index])


def test_parameters_keep_the_order_on_another_device(cuda):
    layer = nn.Conv2d(3, 5, 3)
    layer.weight.array = image(values((5, 3, 3, 3)), "cpu").array
    for place in ("cuda", "cpu"):
        assert layer.to(place).weight.is_contiguous(memory_format=gpunet.channels_last)


def test_pinned_memory_in_another_order_is_not_waited_for(cuda):
    cupy = pytest.importorskip("cupy")
    memory = backend_for(Device(cuda)).pinned((2, 5, 4, 3), np.float64)
    memory[...] = values((2, 5, 4, 3))
    x = gpunet.Tensor(memory.transpose(0, 3, 1, 2))
    cupy._standin.reset()
    y = x.to(cuda, non_blocking=True)
    assert list(cupy._standin.history) == [("upload", "set from pinned memory")]
    assert y.is_contiguous(memory_format=gpunet.channels_last)
    np.testing.assert_array_equal(array_of(y), x.array)
