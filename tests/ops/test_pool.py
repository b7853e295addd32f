"""Pooling against PyTorch, over configurations that hypothesis draws."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
import gpunet.nn.functional as F

torch = torch_or_none()
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
needs_torch = pytest.mark.skipif(torch is None, reason="compares with PyTorch")


def distinct(shape, seed=0):
    """Numbers far enough from each other for a finite difference of a maximum."""
    n = int(np.prod(shape))
    return (np.random.default_rng(seed).permutation(n) / 7 - n / 14).reshape(shape)


@st.composite
def geometries(draw, dilated=True):
    """The shape of an input, and arguments of a pooling that fit it."""
    axes = draw(st.integers(1, 3))
    several = st.tuples(*[st.integers(1, 3)] * axes)
    lengths = draw(st.tuples(*[st.integers(1, 9 if axes < 3 else 5)] * axes))
    kernel = draw(several)
    stride = draw(st.one_of(st.none(), several))
    dilation = draw(several) if dilated else (1,) * axes
    padding = tuple([draw(st.integers(0, k // 2)) for k in kernel])
    for n, k, p, e in zip(lengths, kernel, padding, dilation):
        # PyTorch's index of a window without elements is outside the image.
        assume(n + 2 * p >= e * (k - 1) + 1 and (p == 0 or n >= e))
    leading = (draw(st.integers(1, 3)), draw(st.integers(1, 9)))
    shape = (*leading[draw(st.integers(0, 1)) :], *lengths)
    return axes, shape, kernel, stride, padding, dilation, draw(st.booleans())


@few
@given(geometries())
def test_max_pool(device, geometry):
    axes, shape, kernel, stride, padding, dilation, ceil = geometry
    args = (kernel, stride, padding, dilation, ceil)
    name = f"max_pool{axes}d"
    check_op(
        lambda x: getattr(F, name)(x, *args),
        distinct(shape), device=device,
        torch_function=torch and (lambda x: getattr(torch.nn.functional, name)(x, *args)),
    )  # fmt: skip


@needs_torch
@few
@given(geometries(), st.sampled_from(["ties", "nan", "inf"]))
def test_which_element_is_the_maximum(device, geometry, kind):
    axes, shape, kernel, stride, padding, dilation, ceil = geometry
    rng = np.random.default_rng(1)
    x = rng.integers(-2, 3, shape).astype(float)
    if kind != "ties":
        x[rng.random(shape) < 0.4] = np.nan if kind == "nan" else -np.inf
    args = (kernel, stride, padding, dilation, ceil, True)
    values, indices = getattr(F, f"max_pool{axes}d")(on_device(x, device), *args)
    theirs = getattr(torch.nn.functional, f"max_pool{axes}d")(torch.tensor(x), *args)
    np.testing.assert_array_equal(array_of(values), theirs[0].numpy())
    np.testing.assert_array_equal(array_of(indices), theirs[1].numpy())
    assert array_of(indices).dtype == np.int64
    assert not indices.requires_grad


@few
@given(geometries(dilated=False), st.booleans(), st.sampled_from([None, 3, -2]))
def test_avg_pool(device, geometry, include_pad, divisor):
    axes, shape, kernel, stride, padding, _, ceil = geometry
    if axes == 3:  # PyTorch refuses windows larger than the image there
        assume(all(n >= k for n, k in zip(shape[-3:], kernel)))
    args = (kernel, stride, padding, ceil, include_pad, *(() if axes == 1 else (divisor,)))
    name = f"avg_pool{axes}d"
    check_op(
        lambda x: getattr(F, name)(x, *args),
        np.random.default_rng(2).standard_normal(shape), device=device,
        torch_function=torch and (lambda x: getattr(torch.nn.functional, name)(x, *args)),
    )  # fmt: skip


@few
@given(
    st.sampled_from(["avg", "max"]),
    st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(*[st.one_of(st.none(), st.integers(1, 10))] * 2),
)
def test_adaptive_pool(device, kind, shape, out):
    name = f"adaptive_{kind}_pool2d"
    check_op(
        lambda x: getattr(F, name)(x, out),
        distinct(shape), device=device,
        torch_function=torch and (lambda x: getattr(torch.nn.functional, name)(x, out)),
    )  # fmt: skip


@needs_torch
@pytest.mark.parametrize(("lengths", "out"), [((7, 5), (3, 4)), ((8, 6), (4, 3)), ((5, 4), 1)])
def test_adaptive_indices(lengths, out, device):
    x = np.random.default_rng(3).integers(0, 3, (2, 3, *lengths)).astype(float)
    values, indices = F.adaptive_max_pool2d(on_device(x, device), out, True)
    theirs = torch.nn.functional.adaptive_max_pool2d(torch.tensor(x), out, True)
    np.testing.assert_array_equal(array_of(values), theirs[0].numpy())
    np.testing.assert_array_equal(array_of(indices), theirs[1].numpy())


@pytest.mark.parametrize(("kind", "out"), [*itertools.product(["avg", "max"], [1, 2, 4, 7])])
def test_adaptive_pool_of_sequences(kind, out, device):
    name = f"adaptive_{kind}_pool1d"
    check_op(
        lambda x: getattr(F, name)(x, (out,)),
        distinct((2, 3, 6)), device=device,
        torch_function=torch and (lambda x: getattr(torch.nn.functional, name)(x, (out,))),
    )  # fmt: skip


@pytest.mark.parametrize("window", [(16, 16), (17, 16)])
def test_windows_of_more_elements_than_a_byte_counts(window, device):
    check_op(
        lambda x: F.max_pool2d(x, window, 2),
        distinct((2, 3, 20, 21)), device=device,
        torch_function=torch and (lambda x: torch.nn.functional.max_pool2d(x, window, 2)),
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 5, 6, 8), (5, 6, 8)])
def test_max_unpool(shape, device):
    _, indices = F.max_pool2d(on_device(distinct(shape), device), 2, return_indices=True)
    indices = array_of(indices)
    x = np.random.default_rng(4).standard_normal(indices.shape)
    check_op(
        lambda x, i: F.max_unpool2d(x, i, 2),
        x, indices, device=device, differentiable=[0],
        torch_function=torch and (lambda x, i: torch.nn.functional.max_unpool2d(x, i, 2)),
    )  # fmt: skip


def test_max_unpool_of_sequences_to_a_given_size(device):
    x = on_device(distinct((1, 2, 7)), device)
    values, indices = F.max_pool1d(x, 2, return_indices=True)
    y = F.max_unpool1d(values, indices, 2, output_size=(1, 2, 7))
    assert y.shape == (1, 2, 7)
    kept = array_of(y) != 0
    np.testing.assert_array_equal(array_of(y)[kept], array_of(x)[kept])
    assert F.max_unpool1d(values, indices, 2).shape == (1, 2, 6)
    with pytest.raises(ValueError, match=r"invalid output_size.*between 4 and 8"):
        F.max_unpool1d(values, indices, 2, output_size=(9,))
    with pytest.raises(ValueError, match="1 or 3 elements"):
        F.max_unpool1d(values, indices, 2, output_size=(9, 9))


@pytest.mark.parametrize("bad", [-1, 16])
def test_an_index_outside_the_image(bad, device):
    x = on_device(np.ones((2, 3, 2, 2)), device)
    indices = np.zeros((2, 3, 2, 2), np.int64)
    indices[1, 2, 0, 1] = bad
    with pytest.raises((RuntimeError, IndexError)):  # the stand-in says so, a GPU gives NaN
        F.max_unpool2d(x, on_device(indices, device), 2)


FUNCTIONS = [
    lambda x: F.max_pool2d(x, 2),
    lambda x: F.max_pool2d(x, 3, 2, 1),
    lambda x: F.avg_pool2d(x, 2),
    lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    lambda x: F.adaptive_max_pool2d(x, (2, 3)),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_memory_is_channels_last_whatever_it_was(function, device):
    values = distinct((2, 6, 5, 7))
    first = on_device(values, device, requires_grad=True)
    last = on_device(np.ascontiguousarray(values.transpose(0, 2, 3, 1)), device)
    last = last.permute(0, 3, 1, 2).detach().requires_grad_()
    y, z = function(first), function(last)
    np.testing.assert_array_equal(array_of(y), array_of(z))
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_array_equal(array_of(first.grad), array_of(last.grad))
    for array in (y.array, z.array, last.grad.array):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_batch_of_none(function, device):
    x = on_device(np.ones((0, 6, 6, 6)), device, requires_grad=True)
    y = function(x)
    assert y.shape[:2] == (0, 6)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_the_number_of_threads_does_not_matter():
    before = gpunet.get_num_threads()
    x = np.random.default_rng(5).standard_normal((3, 17, 33, 31)).astype("float32")

    def run():
        t = on_device(x, "cpu", requires_grad=True)
        y = F.max_pool2d(t, 3, 2, 1) + F.avg_pool2d(t, 3, 2, 1)
        (y * y).sum().backward()
        return y.array, t.grad.array

    results = []
    try:
        for threads in (1, 3):
            gpunet.set_num_threads(threads)
            results.append(run())
    finally:
        gpunet.set_num_threads(before)
    for one, three in zip(*results):
        np.testing.assert_array_equal(one, three)


def test_bad_arguments():
    x = gpunet.Tensor(np.zeros((2, 3, 8, 8), "float32"))
    with pytest.raises(RuntimeError, match=r"max_pool2d: Expected 3D or 4D.*\[2, 3, 8, 8, 1\]"):
        F.max_pool2d(gpunet.Tensor(x.array[..., None]), 2)
    with pytest.raises(RuntimeError, match=r"Expected 3D or 4D.*\[2, 0, 8, 8\]"):
        F.max_pool2d(gpunet.Tensor(x.array[:, :0]), 2)
    with pytest.raises(RuntimeError, match="float32 or float64, got int64"):
        F.avg_pool2d(gpunet.Tensor(np.zeros((2, 3, 8, 8), np.int64)), 2)
    with pytest.raises(TypeError, match="must be a Tensor, not ndarray"):
        F.avg_pool2d(x.array, 2)
    with pytest.raises(RuntimeError, match="kernel size should be greater than zero"):
        F.max_pool2d(x, 0)
    with pytest.raises(RuntimeError, match="stride should be greater than zero"):
        F.max_pool2d(x, 2, 0)
    with pytest.raises(RuntimeError, match="dilation should be greater than zero"):
        F.max_pool2d(x, 2, dilation=0)
    with pytest.raises(RuntimeError, match="pad must be non-negative"):
        F.max_pool2d(x, 2, padding=-1)
    with pytest.raises(RuntimeError, match=r"at most half of effective kernel size.*pad=2"):
        F.max_pool2d(x, 2, padding=2)
    with pytest.raises(RuntimeError, match=r"\(8, 8\). Calculated output size: \(0, 0\)"):
        F.max_pool2d(x, 9)
    with pytest.raises(RuntimeError, match="a tuple of 2 ints"):
        F.max_pool2d(x, (2, 2, 2))
    with pytest.raises(TypeError, match=r"kernel_size: expected an int.*2\.5"):
        F.max_pool2d(x, 2.5)
    with pytest.raises(RuntimeError, match="divisor must be not zero"):
        F.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(RuntimeError, match="output_size must be 2 numbers"):
        F.adaptive_avg_pool2d(x, (1, 2, 3))
    with pytest.raises(TypeError, match=r"output_size: expected an int.*1\.5"):
        F.adaptive_avg_pool2d(x, 1.5)
    with pytest.raises(RuntimeError, match="greater than or equal to 0"):
        F.adaptive_avg_pool2d(x, -1)
    indices = gpunet.Tensor(np.zeros((2, 3, 8, 8), np.int64))
    with pytest.raises(RuntimeError, match=r"should be type int64 but got: float32"):
        F.max_unpool2d(x, x, 2)
    with pytest.raises(RuntimeError, match=r"shape of indices.*\[1, 3, 8, 8\]"):
        F.max_unpool2d(x, gpunet.Tensor(indices.array[:1]), 2)


def test_nothing_waits_for_the_gpu(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    x = on_device(np.ones((2, 4, 6, 7), "float32"), cuda, requires_grad=True)

    def step():
        y = F.max_pool2d(x, 3, 2, 1) + F.avg_pool2d(x, 3, 2, 1)
        y = F.interpolate(F.pixel_shuffle(y, 2), scale_factor=2, mode="bilinear")
        z, _ = F.adaptive_max_pool2d(y, (3, 5), return_indices=True)
        (z + F.adaptive_avg_pool2d(y, (3, 5))).flatten(1).sum().backward()

    step()  # kernels are compiled, the weights of the interpolation come to the device
    cupy._standin.reset()
    step()
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history
