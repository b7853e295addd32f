"""Normalisation layers against PyTorch's: names, state, text, modes, numbers, errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")

LAYERS = [
    ("LayerNorm", (6,), {}, (5, 6)),
    ("LayerNorm", ([4, 6],), {"eps": 0.1}, (3, 4, 6)),
    ("LayerNorm", (6,), {"bias": False}, (5, 6)),
    ("LayerNorm", (6,), {"elementwise_affine": False}, (5, 6)),
    ("RMSNorm", (6,), {}, (5, 6)),
    ("RMSNorm", ((4, 6),), {"eps": 0.1, "elementwise_affine": False}, (3, 4, 6)),
    ("GroupNorm", (2, 6), {}, (5, 6, 3)),
    ("GroupNorm", (3, 6), {"affine": False}, (5, 6, 3, 2)),
    ("BatchNorm1d", (6,), {}, (5, 6)),
    ("BatchNorm1d", (6,), {"eps": 0.1, "momentum": 0.4}, (5, 6, 3)),
    ("BatchNorm1d", (6,), {"momentum": None}, (5, 6)),
    ("BatchNorm1d", (6,), {"affine": False}, (5, 6)),
    ("BatchNorm1d", (6,), {"track_running_stats": False}, (5, 6)),
    ("BatchNorm2d", (6,), {}, (5, 6, 3, 2)),
    ("BatchNorm3d", (6,), {}, (2, 6, 3, 2, 2)),
    ("BatchNorm2d", (6,), {}, (2, 6, 1, 1)),
    ("InstanceNorm1d", (6,), {}, (5, 6, 3)),
    ("InstanceNorm1d", (6,), {"affine": True}, (6, 3)),
    ("InstanceNorm2d", (6,), {"affine": True, "track_running_stats": True}, (5, 6, 3, 2)),
    ("InstanceNorm2d", (6,), {"eps": 0.1, "momentum": 0.4, "track_running_stats": True}, (6, 3, 2)),
    ("InstanceNorm3d", (6,), {"affine": True}, (1, 6, 3, 2, 2)),
    ("LocalResponseNorm", (3,), {"alpha": 0.5}, (2, 6, 3, 2)),
]


def pair(name, args, options):
    """Our layer and PyTorch's, with the same random parameters."""
    ours = getattr(nn, name)(*args, **options)
    theirs = getattr(torch.nn, name)(*args, **options)
    rng = np.random.default_rng(1)
    state = {
        key: torch.tensor(rng.uniform(0.5, 2, value.shape).astype("float32"))
        for key, value in theirs.state_dict().items()
        if value.is_floating_point()
    }
    theirs.load_state_dict(state, strict=False)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


@needs_torch
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_layers_are_pytorchs(name, args, options, shape, device):
    ours, theirs = pair(name, args, options)
    ours.to(device)
    assert repr(ours).split(", bias=")[0] in repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(2)

    def compare(got, want):
        np.testing.assert_allclose(
            array_of(got), want.detach().numpy(), rtol=1e-4, atol=2e-5, strict=True
        )

    for training in (True, True, True, False):
        ours.train(training)
        theirs.train(training)
        ours.zero_grad()
        theirs.zero_grad()
        X, dY = rng.standard_normal((2, *shape)).astype("float32")
        x, their_x = on_device(X, device, True), torch.tensor(X, requires_grad=True)
        y, their_y = ours(x), theirs(their_x)
        y.backward(on_device(dY, device))
        their_y.backward(torch.tensor(dY))
        compare(y.detach(), their_y)
        compare(x.grad, their_x.grad)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            compare(p.grad, q.grad)
        for key, value in theirs.state_dict().items():
            compare(ours.state_dict()[key], value)


@needs_torch
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_the_initial_state_is_pytorchs(name, args, options, shape):
    ours, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key].numpy(), value.numpy(), strict=True)


def test_text():
    assert repr(nn.LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)"
    assert repr(nn.RMSNorm([2, 3])) == "RMSNorm((2, 3), eps=None, elementwise_affine=True)"
    assert repr(nn.GroupNorm(2, 4)) == "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"
    assert repr(nn.BatchNorm1d(3)) == (
        "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    )


def test_float64_layers(device):
    layer = nn.BatchNorm1d(3, dtype="float64", device=device)
    x = on_device(np.random.default_rng(3).standard_normal((5, 3)), device)
    assert layer(x).dtype == np.float64
    assert layer.running_var.dtype == np.float64
    assert nn.LayerNorm(3).to(device).double()(x).dtype == np.float64


def test_what_instance_norm_says_of_channels():
    x = gpunet.Tensor(np.random.default_rng(0).standard_normal((2, 4, 3)).astype("float32"))
    with pytest.warns(UserWarning, match="dim=1 does not match num_features"):
        assert nn.InstanceNorm1d(3)(x).shape == x.shape
    with pytest.raises(ValueError, match=r"dim=1 to match num_features \(3\), but got: 4"):
        nn.InstanceNorm1d(3, affine=True)(x)
    with pytest.raises(ValueError, match=r"expected 3D or 4D input \(got 5D input\)"):
        nn.InstanceNorm2d(3)(gpunet.zeros(1, 3, 2, 2, 2))


def test_reset_running_stats(device):
    layer = nn.BatchNorm1d(3, device=device)
    layer(on_device(np.arange(12, dtype="float32").reshape(4, 3), device))
    assert array_of(layer.num_batches_tracked) == 1
    layer.reset_running_stats()
    np.testing.assert_array_equal(array_of(layer.running_mean), np.zeros(3))
    np.testing.assert_array_equal(array_of(layer.running_var), np.ones(3))
    assert array_of(layer.num_batches_tracked) == 0


def test_copies_have_statistics_of_their_own(device):
    layer = nn.BatchNorm1d(3, device=device)
    other = copy.deepcopy(layer)
    layer(on_device(np.arange(12, dtype="float32").reshape(4, 3), device))
    assert array_of(other.num_batches_tracked) == 0
    np.testing.assert_array_equal(array_of(other.running_var), np.ones(3))


def test_evaluation_leaves_the_statistics(device):
    layer = nn.BatchNorm1d(3, device=device).eval()
    x = on_device(np.arange(3, dtype="float32").reshape(1, 3), device)
    np.testing.assert_allclose(array_of(layer(x)), [[0, 1, 2]], rtol=1e-5)
    assert array_of(layer.num_batches_tracked) == 0


def test_what_layers_refuse():
    x = gpunet.Tensor(np.zeros((4, 3), "float32"))
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"more than 1 value per channel.*\[1, 3\]"):
        layer(gpunet.Tensor(x.array[:1]))
    assert layer.num_batches_tracked.item() == 0
    with pytest.raises(ValueError, match=r"expected 2D or 3D input \(got 1D input\)"):
        layer(gpunet.Tensor(x.array[0]))
    with pytest.raises(ValueError, match=r"expected 4D input \(got 2D input\)"):
        nn.BatchNorm2d(3)(x)
    with pytest.raises(RuntimeError, match=r"should contain 3 elements.* not 5"):
        nn.BatchNorm1d(5)(x)
    with pytest.raises(ValueError, match="momentum must not be negative, got -1"):
        nn.BatchNorm1d(3, momentum=-1)
    with pytest.raises(ValueError, match=r"num_channels \(5\) must be divisible.*\(2\)"):
        nn.GroupNorm(2, 5)
    with pytest.raises(RuntimeError, match=r"normalized_shape=\[4\]"):
        nn.LayerNorm(4)(x)
