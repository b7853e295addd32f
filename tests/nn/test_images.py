"""Layers of images without parameters against PyTorch's: names, text, numbers."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, check_op, on_device, torch_or_none

from gpunet import nn

torch = torch_or_none()
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")

L, HW, DHW = (2, 4, 9), (2, 4, 7, 6), (1, 4, 5, 6, 4)
LAYERS = [
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, L),
    ("MaxPool2d", (2,), {}, HW),
    ("MaxPool2d", ((3, 2),), {"stride": (2, 1), "dilation": 2, "ceil_mode": True}, HW),
    ("MaxPool3d", (2,), {}, DHW),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, L),
    ("AvgPool2d", (2,), {}, HW),
    ("AvgPool2d", ((3, 2),), {"ceil_mode": True, "divisor_override": 4}, HW),
    ("AvgPool3d", (2,), {"stride": 1}, DHW),
    ("AdaptiveAvgPool1d", (4,), {}, L),
    ("AdaptiveAvgPool2d", (1,), {}, HW),
    ("AdaptiveAvgPool2d", ((None, 4),), {}, HW),
    ("AdaptiveMaxPool1d", (4,), {}, L),
    ("AdaptiveMaxPool2d", ((3, 2),), {}, HW),
    ("Upsample", (), {"scale_factor": 2}, HW),
    ("Upsample", (), {"scale_factor": (2, 1.5), "mode": "bilinear", "align_corners": True}, HW),
    ("Upsample", ((5, 13),), {"mode": "bicubic"}, HW),
    ("Upsample", (12,), {"mode": "linear"}, L),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, HW),
    ("UpsamplingBilinear2d", ((9, 4),), {}, HW),
    ("PixelShuffle", (2,), {}, HW),
    ("PixelUnshuffle", (3,), {}, (2, 4, 6, 9)),
    ("ChannelShuffle", (2,), {}, HW),
    ("ZeroPad1d", (2,), {}, L),
    ("ZeroPad2d", ((1, -1, 2, 0),), {}, HW),
    ("ZeroPad3d", (1,), {}, DHW),
    ("ConstantPad1d", ((1, 2), 3.5), {}, L),
    ("ConstantPad2d", (1, -2), {}, HW),
    ("ConstantPad3d", ((0, 1, 2, 1, 0, 3), 0.5), {}, DHW),
    ("ReflectionPad1d", ((3, 2),), {}, L),
    ("ReflectionPad2d", ((3, 2, 0, 4),), {}, HW),
    ("ReflectionPad3d", (1,), {}, DHW),
    ("ReplicationPad1d", (3,), {}, L),
    ("ReplicationPad2d", ((3, 2, 0, 9),), {}, HW),
    ("ReplicationPad3d", (1,), {}, DHW),
    ("CircularPad1d", ((3, 2),), {}, L),
    ("CircularPad2d", ((3, 2, 0, 4),), {}, HW),
    ("CircularPad3d", (1,), {}, DHW),
    ("Flatten", (), {}, HW),
]


@needs_torch
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_layers_are_pytorchs(name, args, options, shape, device):
    ours = getattr(nn, name)(*args, **options)
    theirs = getattr(torch.nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    n = int(np.prod(shape))
    x = (np.random.default_rng(0).permutation(n) / 7).reshape(shape)
    check_op(ours, x, device=device, torch_function=theirs)
    if len(shape) == 4 and name != "Flatten":  # the same in channels-last memory
        last = on_device(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), device)
        y = ours(last.permute(0, 3, 1, 2))
        np.testing.assert_allclose(array_of(y), theirs(torch.tensor(x)).numpy(), atol=1e-12)
        assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("axes", [1, 2])
def test_pooling_and_back(axes, device):
    x = on_device(np.arange(2 * 3 * 8**axes, dtype=float).reshape(2, 3, *(8,) * axes), device)
    values, indices = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)(x)
    unpool = getattr(nn, f"MaxUnpool{axes}d")(2)
    if torch is not None:
        assert repr(unpool) == repr(getattr(torch.nn, f"MaxUnpool{axes}d")(2))
    y = unpool(values, indices, output_size=x.shape)
    assert y.shape == x.shape
    assert array_of(y).sum() == array_of(values).sum()
    layer = getattr(nn, f"AdaptiveMaxPool{axes}d")(4, return_indices=True)
    for ours, theirs in zip(layer(x), (values, indices)):
        np.testing.assert_array_equal(array_of(ours), array_of(theirs))


@pytest.mark.parametrize("shape", [(4, 33, 20, 30), (3, 5, 7), (2, 3, 4, 5, 6), (1, 64, 1, 1)])
def test_flatten_of_channels_last_memory(shape, device):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    last = on_device(np.ascontiguousarray(np.moveaxis(x, 1, -1)), device).movedim(-1, 1)
    last = last.detach().requires_grad_()
    y = nn.Flatten()(last)
    np.testing.assert_array_equal(array_of(y), x.reshape(shape[0], -1))
    np.testing.assert_array_equal(array_of(last.reshape(shape[0], -1)), x.reshape(shape[0], -1))
    (y * y).sum().backward()
    np.testing.assert_array_equal(array_of(last.grad), 2 * x)


def test_a_copy_is_none_where_a_view_will_do(device):
    x = on_device(np.ones((2, 5, 4, 3)), device).permute(0, 3, 1, 2)
    y = x.reshape(2, 3, 20)
    y += 1
    assert (array_of(x) == 2).all()


@pytest.mark.parametrize("name", ["ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"])
def test_pad_layers_refuse_other_shapes(name, device):
    with pytest.raises(ValueError, match=r"expected 3D or 4D input \(got 2D input\)"):
        getattr(nn, name)(1)(on_device(np.ones((4, 4)), device))
