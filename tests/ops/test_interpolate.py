"""Interpolation against PyTorch, over configurations that hypothesis draws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F

torch = torch_or_none()
few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

MODES = {
    1: ["nearest", "nearest-exact", "linear", "area"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
    3: ["nearest", "nearest-exact", "trilinear"],
}


@st.composite
def resizings(draw):
    """The shape of an input, and arguments of an interpolation."""
    axes = draw(st.integers(1, 3))
    mode = draw(st.sampled_from(MODES[axes]))
    lengths = draw(st.tuples(*[st.integers(1, 7 if axes < 3 else 4)] * axes))
    options = {"mode": mode}
    if draw(st.booleans()):
        options["size"] = draw(st.tuples(*[st.integers(1, 15 if axes < 3 else 7)] * axes))
    else:
        factor = st.sampled_from([0.3, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 2.7, 3.0])
        options["scale_factor"] = draw(st.tuples(*[factor] * axes))
        out = [int(n * factor) for n, factor in zip(lengths, options["scale_factor"])]
        assume(min(out) > 0)
        options["recompute_scale_factor"] = draw(st.sampled_from([None, False, True]))
        # There PyTorch's gradient does not belong to its result.
        same = out == list(lengths) and not options["recompute_scale_factor"]
        assume(not (same and mode in ("nearest", "bicubic")))
        assume(mode != "nearest" or all(n != o for n, o in zip(lengths, out)))
    if mode not in ("nearest", "nearest-exact", "area"):
        options["align_corners"] = draw(st.sampled_from([None, False, True]))
    return (draw(st.integers(1, 2)), draw(st.integers(1, 5)), *lengths), options


@few
@given(resizings())
def test_interpolate(device, resizing):
    shape, options = resizing
    check_op(
        lambda x: F.interpolate(x, **options),
        np.random.default_rng(0).standard_normal(shape), device=device,
        torch_function=torch and (lambda x: torch.nn.functional.interpolate(x, **options)),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_memory_is_channels_last(mode, device):
    values = np.random.default_rng(1).standard_normal((2, 5, 6, 4)).astype("float32")
    first = on_device(values.transpose(0, 3, 1, 2), device)
    last = on_device(values, device).permute(0, 3, 1, 2)
    y, z = (F.interpolate(x, scale_factor=2, mode=mode) for x in (first, last))
    np.testing.assert_array_equal(array_of(y), array_of(z))
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_the_same_size_is_a_copy(device):
    x = on_device(np.ones((1, 1, 2, 2)), device)
    y = F.interpolate(x, size=2, mode="bilinear")
    y += 1
    np.testing.assert_array_equal(array_of(x), np.ones((1, 1, 2, 2)))


def test_a_large_image_in_float32(device):
    x = np.random.default_rng(2).standard_normal((2, 33, 65, 64)).astype("float32")
    tensor = on_device(x, device, requires_grad=True)
    y = F.interpolate(tensor, scale_factor=2)
    np.testing.assert_array_equal(array_of(y), x.repeat(2, axis=2).repeat(2, axis=3))
    y.sum().backward()
    np.testing.assert_array_equal(array_of(tensor.grad), np.full(x.shape, 4, "float32"))


def test_bad_arguments():
    x = gpunet.Tensor(np.zeros((2, 3, 8, 8), "float32"))
    with pytest.raises(ValueError, match="either size or scale_factor"):
        F.interpolate(x)
    with pytest.raises(ValueError, match="only one of size or scale_factor"):
        F.interpolate(x, 2, 2)
    with pytest.raises(ValueError, match="align_corners option can only be set"):
        F.interpolate(x, 2, align_corners=False)
    with pytest.raises(ValueError, match="not meaningful with an explicit size"):
        F.interpolate(x, 2, recompute_scale_factor=True)
    with pytest.raises(ValueError, match=r"same number of spatial dimensions.*\[1, 2, 3\]"):
        F.interpolate(x, (1, 2, 3))
    with pytest.raises(TypeError, match=r"expected whole numbers, got 2\.5"):
        F.interpolate(x, 2.5)
    with pytest.raises(NotImplementedError, match=r"Got 4D input.*linear mode needs 3D"):
        F.interpolate(x, 2, mode="linear")
    with pytest.raises(NotImplementedError, match=r"expected one of nearest.*'cubic'"):
        F.interpolate(x, 2, mode="cubic")
    with pytest.raises(RuntimeError, match=r"greater than 0.*\[0, 0\]"):
        F.interpolate(x, scale_factor=0.1)
    with pytest.raises(RuntimeError, match=r"Non-empty.*\[2, 0, 8, 8\]"):
        F.interpolate(gpunet.Tensor(x.array[:, :0]), 2)
    with pytest.raises(RuntimeError, match="float32 or float64, got int64"):
        F.interpolate(gpunet.Tensor(np.zeros((2, 3, 8), np.int64)), 2)
