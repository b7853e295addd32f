"""unfold and fold against PyTorch's, over drawn geometries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.nn import functional as F

torch = torch_or_none()

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
two = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def geometries(draw):
    """Shape of the image, the number of windows along each axis, and the options."""
    size = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 5)), *size)
    kernel, stride, dilation = draw(two), draw(two), draw(two)
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    axes = zip(size, kernel, stride, padding, dilation)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)
    assume(min(out) > 0)
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return shape, out, options


def theirs(name, *args, **options):
    if torch is None:
        return None
    return lambda x: getattr(torch.nn.functional, name)(x, *args, **options)


@few
@given(geometries())
def test_unfold(device, geometry):
    shape, _, options = geometry
    x = np.random.default_rng(0).standard_normal(shape)
    function = theirs("unfold", **options)
    check_op(lambda x: F.unfold(x, **options), x, device=device, torch_function=function)


@few
@given(geometries())
def test_fold(device, geometry):
    shape, out, options = geometry
    N, C, *size = shape
    elements = options["kernel_size"][0] * options["kernel_size"][1]
    x = np.random.default_rng(0).standard_normal((N, C * elements, out[0] * out[1]))
    check_op(
        lambda x: F.fold(x, size, **options),
        x,
        device=device,
        torch_function=theirs("fold", size, **options),
    )


def test_large_images_without_a_batch_and_empty_batches(device):
    rng = np.random.default_rng(0)
    options = {"kernel_size": 3, "padding": 1}
    for shape in ((33, 20, 21), (0, 3, 5, 5), (2, 1, 1, 1), (2, 65, 17, 13)):
        x = rng.standard_normal(shape)
        function = theirs("unfold", **options)
        check_op(lambda x: F.unfold(x, **options), x, device=device, torch_function=function)
    x = rng.standard_normal((27, 20))
    check_op(
        lambda x: F.fold(x, (6, 7), 3),
        x,
        device=device,
        torch_function=theirs("fold", (6, 7), 3),
    )


def test_channels_last_and_channels_first_memory_give_the_same(device):
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 7)).astype("float32")
    expected = array_of(F.unfold(on_device(x, device), 2, stride=2))
    last = on_device(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), device).permute(0, 3, 1, 2)
    np.testing.assert_array_equal(array_of(F.unfold(last, 2, stride=2)), expected)


def test_a_convolution_is_a_product_with_the_unfolded_image(device):
    rng = np.random.default_rng(0)
    x = on_device(rng.standard_normal((2, 3, 5, 4)), device)
    layer = nn.Unfold((2, 3), padding=1)
    columns = array_of(layer(x))
    padded = np.pad(array_of(x), ((0, 0), (0, 0), (1, 1), (1, 1)))
    np.testing.assert_array_equal(columns[1, :, 0], padded[1, :, :2, :3].ravel())
    np.testing.assert_array_equal(columns[1, :, -1], padded[1, :, -2:, -3:].ravel())
    # Folding counts how many windows contain each pixel.
    ones = F.unfold(x * 0 + 1, (2, 3), padding=1)
    count = array_of(nn.Fold((5, 4), (2, 3), padding=1)(ones))
    assert count.max() == 6
    np.testing.assert_array_equal(count[0, 0], count[1, 2])


def test_layers_are_pytorchs():
    options = {"kernel_size": (2, 3), "padding": 1, "stride": (2, 1)}
    ours, fold = nn.Unfold(**options), nn.Fold(4, 2, dilation=2)
    assert repr(ours) == "Unfold(kernel_size=(2, 3), dilation=1, padding=1, stride=(2, 1))"
    assert repr(fold) == ("Fold(output_size=4, kernel_size=2, dilation=2, padding=0, stride=1)")
    if torch is not None:
        assert repr(ours) == repr(torch.nn.Unfold(**options))
        assert repr(fold) == repr(torch.nn.Fold(4, 2, dilation=2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.unfold(x[0, 0], 2), RuntimeError, "Expected 3D or 4D"),
        (lambda x: F.unfold(x[:, :0], 2), RuntimeError, "non-zero dimensions"),
        (lambda x: F.unfold(x, 9), RuntimeError, "must be at least one|at least one"),
        (lambda x: F.unfold(x, (2, 2, 2)), RuntimeError, "kernel_size"),
        (lambda x: F.unfold(x, 0), RuntimeError, "kernel"),
        (lambda x: F.unfold(x, 2, stride=0), RuntimeError, "stride"),
        (lambda x: F.unfold(x, 2, padding=-1), RuntimeError, "padding"),
        (lambda x: F.unfold(x, 2.5), TypeError, "kernel_size"),
        (lambda x: F.unfold(x.long(), 2), RuntimeError, "dtype"),
        (lambda x: F.unfold(x.numpy(), 2), TypeError, "Tensor"),
        (lambda x: F.fold(x, 4, 2), RuntimeError, "Expected 2D or 3D"),
        (lambda x: F.fold(x[0], 4, 2), RuntimeError, "divisible"),
        (lambda x: F.fold(x[0][:, :4], 4, 2), RuntimeError, "sliding blocks"),
    ],
)
def test_errors(call, error, message):
    x = gpunet.tensor(np.zeros((1, 3, 5, 5), np.float32))
    with pytest.raises(error, match=message):
        call(x)


def test_a_step_neither_waits_nor_uploads(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    x = on_device(np.ones((2, 3, 5, 5), np.float32), cuda, requires_grad=True)

    def step():
        F.fold(F.unfold(x, 3, padding=1), 5, 3, padding=1).sum().backward()

    step()
    cupy._standin.reset()
    step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0
