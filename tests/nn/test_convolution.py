"""Convolutions against PyTorch's and against finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import array_of, check_op, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.nn import functional as F
from gpunet.nn.functional.convolution import conv_act

torch = torch_or_none()
RNG = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")


def normal(*shape):
    return RNG.standard_normal(shape)


def check(name, shape, weight, bias, device, **options):
    """`F.name` against PyTorch's on an input and a weight of these shapes."""
    filters = weight[1] * options.get("groups", 1) if "transpose" in name else weight[0]
    arrays = (normal(*shape), normal(*weight), *((normal(filters),) if bias else ()))

    def theirs(*tensors):
        return getattr(torch.nn.functional, name)(*tensors, **options)

    check_op(
        lambda *tensors: getattr(F, name)(*tensors, **options),
        *arrays,
        device=device,
        torch_function=torch and theirs,
    )


# --- each option by itself -----------------------------------------------------------------------

# Shapes of input and weight, options.
CONV2D = [
    ((2, 3, 8, 7), (4, 3, 3, 3), {}),
    ((2, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 8, 7), (4, 3, 3, 2), {"stride": 2, "padding": (1, 0)}),
    ((2, 3, 9, 9), (5, 3, 3, 3), {"dilation": (2, 3), "padding": 2}),
    ((2, 3, 9, 9), (5, 3, 2, 3), {"dilation": [3, 2], "padding": [2, 2], "stride": [2, 3]}),
    ((2, 6, 5, 5), (4, 3, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 6, 5, 5), (12, 1, 3, 3), {"groups": 6, "padding": 1}),
    ((1, 16, 6, 5), (20, 16, 1, 1), {}),
    ((2, 5, 6, 6), (3, 5, 1, 1), {"stride": 2}),
    ((2, 1, 9, 9), (6, 1, 5, 5), {"padding": 2}),
    ((3, 4, 1, 1), (7, 4, 3, 3), {"padding": 1}),
    ((2, 3, 6, 7), (4, 3, 4, 2), {"padding": "same"}),
    ((2, 3, 9, 7), (4, 3, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ((2, 3, 6, 7), (4, 3, 3, 3), {"padding": "valid"}),
    ((2, 2, 4, 4), (3, 2, 1, 1), {"padding": 2}),
    ((2, 2, 4, 4), (3, 2, 2, 2), {"padding": 3, "stride": 3}),
    ((2, 2, 11, 4), (3, 2, 2, 2), {"stride": (5, 3)}),
    ((0, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((2, 17, 20, 19), (35, 17, 3, 3), {"padding": 1}),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "weight", "options"), CONV2D)
def test_conv2d(device, shape, weight, options, bias):
    check("conv2d", shape, weight, bias, device, **options)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"padding": "same"}])
def test_conv1d_and_conv3d(device, options):
    check("conv1d", (2, 3, 9), (4, 3, 3), True, device, **options)
    check("conv1d", (3, 9), (4, 3, 2), True, device, **options)
    check("conv3d", (2, 3, 5, 4, 6), (4, 3, 3, 2, 3), True, device, **options)
    check("conv3d", (2, 4, 4, 5), (6, 1, 2, 3, 3), True, device, groups=2, **options)


TRANSPOSED = [
    ((2, 3, 5, 4), (3, 4, 3, 3), {}),
    ((2, 3, 5, 4), (3, 4, 3, 2), {"stride": 2, "padding": (1, 0), "output_padding": 1}),
    ((2, 4, 5, 4), (4, 3, 3, 3), {"groups": 2, "stride": (1, 3)}),
    ((2, 4, 5, 4), (4, 1, 3, 3), {"groups": 4, "stride": 2}),
    ((1, 3, 3, 3), (3, 4, 2, 3), {"dilation": (2, 3), "padding": 1, "output_padding": (1, 2)}),
    ((2, 3, 4, 4), (3, 2, 1, 1), {"stride": 3, "output_padding": 2}),
    ((2, 3, 1, 1), (3, 5, 4, 4), {}),
    ((3, 4, 4), (3, 2, 4, 4), {"stride": 2, "padding": 1}),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "weight", "options"), TRANSPOSED)
def test_conv_transpose2d(device, shape, weight, options, bias):
    check("conv_transpose2d", shape, weight, bias, device, **options)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}])
def test_conv_transpose1d_and_3d(device, options):
    check("conv_transpose1d", (2, 3, 6), (3, 4, 3), True, device, **options)
    check("conv_transpose1d", (3, 6), (3, 4, 3), True, device, **options)
    check("conv_transpose3d", (2, 3, 3, 4, 2), (3, 2, 3, 3, 2), True, device, **options)


@pytest.mark.parametrize("activation", ["identity", "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_with_an_activation(device, activation, groups):
    arrays = (normal(2, 4, 6, 5), normal(8, 4 // groups, 3, 3), normal(8))

    def theirs(x, w, b):
        y = torch.nn.functional.conv2d(x, w, b, 2, 1, 1, groups)
        return y if activation == "identity" else getattr(torch, activation)(y)

    check_op(
        lambda x, w, b: conv_act(x, w, b, 2, 1, 1, groups, activation),
        *arrays,
        device=device,
        torch_function=torch and theirs,
    )


# --- any combination -----------------------------------------------------------------------------


@st.composite
def configurations(draw, transposed):
    axes = draw(st.integers(1, 3))
    each = {
        name: tuple(draw(st.integers(low, high)) for _ in range(axes))
        for name, low, high in (("kernel", 1, 4), ("stride", 1, 3), ("padding", 0, 3))
    }
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inner, outer = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    # Long enough for one window; for a transposed convolution, for an output of one element.
    reach = [d * (k - 1) + 1 for k, d in zip(each["kernel"], dilation)]
    options = {"stride": each["stride"], "padding": each["padding"]}
    options |= {"dilation": dilation, "groups": groups}
    if transposed:
        more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(each["stride"], dilation)]
        options["output_padding"] = tuple(more)
        least = [
            max(1, -(-(2 * p - r - a + 1) // s) + 1)
            for p, r, a, s in zip(each["padding"], reach, more, each["stride"])
        ]
        weight = (inner * groups, outer, *each["kernel"])
    else:
        least = [max(1, r - 2 * p) for r, p in zip(reach, each["padding"])]
        weight = (outer * groups, inner, *each["kernel"])
    lengths = [low + draw(st.integers(0, 12 if axes < 3 else 3)) for low in least]
    shape = (draw(st.integers(1, 3)), inner * groups, *lengths)
    name = f"conv_transpose{axes}d" if transposed else f"conv{axes}d"
    return name, shape, weight, draw(st.booleans()), options


@settings(max_examples=40)
@given(configuration=configurations(transposed=False))
def test_any_convolution(device, configuration):
    name, shape, weight, bias, options = configuration
    check(name, shape, weight, bias, device, **options)


@settings(max_examples=25)
@given(configuration=configurations(transposed=True))
def test_any_transposed_convolution(device, configuration):
    name, shape, weight, bias, options = configuration
    check(name, shape, weight, bias, device, **options)


# --- memory --------------------------------------------------------------------------------------


def test_memory_is_channels_last_and_no_order_of_the_input_matters(device):
    x, w = normal(2, 5, 6, 7), normal(4, 5, 3, 3)
    first, weight = on_device(x, device), on_device(w, device)
    y = F.conv2d(first, weight, padding=1)
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    swapped = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    last = gpunet.Tensor(on_device(swapped, device).array.transpose(0, 3, 1, 2))
    last.requires_grad_()
    other = F.conv2d(last, weight, padding=1)
    np.testing.assert_array_equal(array_of(other), array_of(y))
    other.sum().backward()
    assert last.grad.array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_the_weights_gradient_is_written_into_its_buffer(device):
    for groups in (1, 4):
        layer = nn.Conv2d(4, 8, 3, groups=groups, device=device)
        flat = on_device(np.full(layer.weight.numel(), np.nan, np.float32), device).array
        layer.weight.grad_buffer = flat.reshape(layer.weight.shape)
        layer(on_device(normal(2, 4, 5, 5).astype(np.float32), device)).sum().backward()
        assert np.isfinite(array_of(flat)).all()
        np.testing.assert_array_equal(
            array_of(flat).reshape(layer.weight.shape), array_of(layer.weight.grad)
        )


def test_rounding_in_float32():
    """Errors are a few roundings of the sum of the absolute products, also of long sums."""
    x, w = (normal(*s).astype(np.float32) for s in ((16, 32, 32, 32), (40, 32, 3, 3)))
    dy = normal(16, 40, 32, 32).astype(np.float32)

    def results(dtype, absolute=False):
        arrays = [np.abs(a) if absolute else a for a in (x, w, dy)]
        a, b, d = (gpunet.Tensor(array.astype(dtype)) for array in arrays)
        y = F.conv2d(a.requires_grad_(), b.requires_grad_(), padding=1)
        y.backward(d)
        return y.array, a.grad.array, b.grad.array

    exact, sizes = results(np.float64), results(np.float64, absolute=True)
    for got, expected, size in zip(results(np.float32), exact, sizes):
        assert (np.abs(got - expected) / size).max() < 1e-6


def test_results_are_the_same_every_time():
    x = gpunet.Tensor(normal(8, 16, 20, 20).astype(np.float32)).requires_grad_()
    layer = nn.Conv2d(16, 24, 3, padding=1)
    found = []
    for _ in range(5):
        x.grad = layer.weight.grad = None
        y = layer(x)
        (y * y).sum().backward()
        found.append((y.array.copy(), x.grad.array.copy(), layer.weight.grad.array.copy()))
    for results in zip(*found):
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


# --- what is refused -----------------------------------------------------------------------------


def zeros(*shape, dtype=np.float32):
    return gpunet.Tensor(np.zeros(shape, dtype))


@pytest.mark.parametrize(
    ("shape", "weight", "options", "message"),
    [
        (
            (2, 5, 8, 8),
            (4, 3, 3, 3),
            {},
            "groups=1, .*to have 3 channels, but got 5",
        ),
        ((2, 6, 8, 8), (4, 2, 3, 3), {"groups": 2}, "to have 4 channels, but got 6 channels"),
        (
            (2, 3, 2, 2),
            (4, 3, 3, 3),
            {},
            r"\(2 x 2\). Kernel size: \(3 x 3\). Kernel size can't",
        ),
        ((2, 3, 4, 4), (4, 3, 3, 3), {"dilation": 2}, r"Kernel size: \(5 x 5\)"),
        ((2, 3, 8), (4, 3, 3), {}, "weight: expected 4 dimensions"),
        ((8, 8), (4, 3, 3, 3), {}, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d"),
        ((2, 9, 8, 8), (4, 3, 3, 3), {"groups": 3}, "divisible by 3 at dimension 0"),
        ((2, 9, 8, 8), (2, 3, 3, 3), {"groups": 3}, "at least 3 at dimension 0"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"stride": 0}, "non-positive stride"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"padding": -1}, "negative padding"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"dilation": 0}, "dilation should be greater than zero"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"groups": 0}, "non-positive groups"),
        ((2, 3, 8, 8), (4, 3, 3, 0), {}, "non-positive kernel sizes"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"stride": (1, 1, 1)}, "stride must either be a single int"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"padding": "full"}, "Invalid padding string: 'full'"),
        ((2, 3, 8, 8), (4, 3, 3, 3), {"padding": "same", "stride": 2}, "not supported for strided"),
    ],
)
def test_conv2d_refuses(shape, weight, options, message):
    with pytest.raises(RuntimeError, match=message):
        F.conv2d(zeros(*shape), zeros(*weight), **options)


@pytest.mark.parametrize(
    ("shape", "weight", "options", "message"),
    [
        ((2, 5, 8, 8), (3, 4, 3, 3), {}, "transposed=1.*to have 3 channels, but got 5 channels"),
        ((2, 3, 8, 8), (3, 4, 3, 3), {"groups": 2}, "divisible by 2 at dimension 0"),
        ((2, 3, 8, 8), (3, 4, 3, 3), {"output_padding": 1}, "output padding must be smaller"),
        ((2, 3, 8, 8), (3, 4, 3, 3), {"output_padding": -1}, "negative output_padding"),
        ((2, 3, 8, 8), (3, 4, 3, 3), {"padding": -1}, "negative padding"),
        ((2, 3, 1, 1), (3, 4, 3, 3), {"padding": 2}, "Output size is too small"),
    ],
)
def test_conv_transpose2d_refuses(shape, weight, options, message):
    with pytest.raises(RuntimeError, match=message):
        F.conv_transpose2d(zeros(*shape), zeros(*weight), **options)


def test_tensors_that_do_not_fit():
    x, w = zeros(2, 3, 8, 8), zeros(4, 3, 3, 3)
    with pytest.raises(RuntimeError, match="1-dimensional with 4 elements, but got bias of size"):
        F.conv2d(x, w, zeros(3))
    with pytest.raises(RuntimeError, match="1-dimensional with 6 elements"):
        F.conv_transpose2d(x, zeros(3, 6, 3, 3), zeros(3))
    with pytest.raises(RuntimeError, match="input has float32, weight has float64"):
        F.conv2d(x, zeros(4, 3, 3, 3, dtype=np.float64))
    with pytest.raises(RuntimeError, match="bias has float64"):
        F.conv2d(x, w, zeros(4, dtype=np.float64))
    with pytest.raises(RuntimeError, match="float32 or float64, got int64"):
        F.conv2d(zeros(2, 3, 8, 8, dtype=np.int64), zeros(4, 3, 3, 3, dtype=np.int64))
    with pytest.raises(TypeError, match=r"conv2d\(\): argument 'input' must be a gpunet\.Tensor"):
        F.conv2d(x.array, w)
    with pytest.raises(TypeError, match="stride: expected an int or a tuple of ints"):
        F.conv2d(x, w, stride=1.5)


# --- layers --------------------------------------------------------------------------------------

LAYERS = [
    ("Conv1d", (3, 8, 3), {"padding": 1}, (2, 3, 9)),
    ("Conv1d", (3, 8, 4), {"padding": "same", "padding_mode": "circular"}, (2, 3, 9)),
    ("Conv2d", (3, 8, 3), {}, (2, 3, 9, 8)),
    ("Conv2d", (4, 8, (3, 2)), {"stride": 2, "groups": 2, "bias": False}, (2, 4, 9, 8)),
    ("Conv2d", (4, 8, 3), {"padding": (2, 1), "padding_mode": "reflect"}, (2, 4, 9, 8)),
    ("Conv2d", (4, 8, 3), {"padding": 2, "padding_mode": "replicate"}, (4, 9, 8)),
    ("Conv2d", (4, 8, 3), {"padding": (1, 2), "padding_mode": "circular"}, (2, 4, 9, 8)),
    ("Conv2d", (4, 8, 4), {"padding": "same", "padding_mode": "reflect"}, (2, 4, 9, 8)),
    ("Conv2d", (4, 8, 4), {"padding": "valid", "padding_mode": "reflect"}, (2, 4, 9, 8)),
    ("Conv3d", (2, 3, 2), {"dilation": 2}, (2, 2, 4, 4, 5)),
    ("ConvTranspose1d", (3, 8, 3), {"stride": 2, "output_padding": 1}, (2, 3, 9)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "groups": 2, "dilation": 2}, (2, 4, 3, 4)),
    ("ConvTranspose2d", (4, 6, 3), {"padding": 1, "bias": False}, (4, 3, 4)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": (1, 2, 1)}, (2, 2, 3, 3, 2)),
]


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_layers_are_pytorchs(device, name, args, options, shape):
    ours = getattr(nn, name)(*args, **options, device=device)
    theirs = getattr(torch.nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    state = {key: array_of(value) for key, value in ours.state_dict().items()}
    theirs.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    x = normal(*shape).astype(np.float32)
    y, expected = ours(on_device(x, device)), theirs(torch.tensor(x))
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    y.sum().backward()
    expected.sum().backward()
    for key, parameter in theirs.named_parameters():
        got = array_of(dict(ours.named_parameters())[key].grad)
        np.testing.assert_allclose(got, parameter.grad.numpy(), rtol=1e-4, atol=1e-4)
    other = getattr(torch.nn, name)(*args, **options)
    ours.load_state_dict(
        {key: on_device(value.numpy(), device) for key, value in other.state_dict().items()}
    )
    np.testing.assert_array_equal(array_of(ours.weight), other.weight.detach().numpy())


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
def test_initial_weights(device, layer):
    made = layer(6, 12, 3, groups=2, device=device, dtype=np.float64)
    shape = (12, 3, 3, 3) if layer is nn.Conv2d else (6, 6, 3, 3)
    assert made.weight.shape == shape
    assert made.weight.dtype == np.float64
    bound = 1 / np.sqrt(np.prod(shape[1:]))
    for parameter in made.parameters():
        values = np.abs(array_of(parameter))
        assert bound / 2 < values.max() <= bound


def test_output_size(device):
    down, up = nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ConvTranspose2d(3, 2, 3, 2, 1)
    for size in ((8, 9), (7, 8)):
        x = zeros(1, 2, *size)
        assert up(down(x), output_size=x.shape).shape == x.shape
        assert up(down(x), output_size=size).shape == x.shape
    with pytest.raises(ValueError, match=r"valid sizes range from \[7, 9\] to \[8, 10\]"):
        up(zeros(1, 3, 4, 5), output_size=(9, 9))
    with pytest.raises(ValueError, match=r"must have 2 or 4 elements \(got 3\)"):
        up(zeros(1, 3, 4, 5), output_size=(3, 9, 9))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "out_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "groups must be a positive integer"),
        (lambda: nn.Conv2d(4, 4, 3, padding="full"), "Invalid padding string 'full'"),
        (lambda: nn.Conv2d(4, 4, 3, 2, padding="same"), "not supported for strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="mirror"), "padding_mode must be one of"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), 'Only "zeros" padding mode'),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding="same"), "padding: expected numbers"),
    ],
)
def test_layers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
