import math

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


def normal(*shape):
    return RNG.standard_normal(shape)


def theirs(name):
    return torch and getattr(torch.nn.functional, name)


def check(name, shape, weight, bias, device, **options):
    """`F.name` against PyTorch's on an input and a weight of these shapes."""
    out = weight[1] * options.get("groups", 1) if "transpose" in name else weight[0]
    arrays = (normal(*shape), normal(*weight), *((normal(out),) if bias else ()))
    check_op(
        lambda *tensors: getattr(F, name)(*tensors, **options),
        *arrays,
        device=device,
        torch_function=torch and (lambda *tensors: theirs(name)(*tensors, **options)),
    )


# --- every option by itself --------------------------------------------------------------------

CASES = [
    # input, weight, options
    ((2, 3, 8, 7), (4, 3, 3, 3), {}),
    ((2, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 8, 7), (4, 3, 3, 2), {"stride": 2, "padding": (1, 0)}),
    ((2, 3, 9, 9), (5, 3, 3, 3), {"dilation": (2, 3), "padding": 2}),
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
    ((0, 3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((3, 8, 7), (4, 3, 3, 3), {"padding": 1}),
    ((2, 17, 20, 19), (35, 17, 3, 3), {"padding": 1}),
]
# The axes before the last: of a convolution along one axis, and one more for three.
CASES_1D = [((s[0], s[1], s[2]), w[:3], o) for s, w, o in CASES[:1] + CASES[12:13]]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "weight", "options"), CASES)
def test_conv2d(device, shape, weight, options, bias):
    if shape[0] == 3 and len(shape) == 3:
        shape = (3, 8, 7)
    check("conv2d", shape, weight, bias, device, **options)
