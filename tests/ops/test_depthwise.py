"""The depthwise pair against PyTorch's grouped convolution, over drawn geometries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import check_op, torch_or_none

from gpunet.autograd import Operation
from gpunet.kernels import cpu
from gpunet.nn import functional
from gpunet.ops.depthwise import depthwise_backward, depthwise_forward

torch = torch_or_none()
depthwise = Operation(depthwise_forward, depthwise_backward, into=True)

ACTIVATIONS = ["identity", "relu", "sigmoid", "tanh"]


def their_function(options, act, biased):
    def function(x, w, *b):
        X = x.permute(0, 4, 1, 2, 3)
        Y = torch.nn.functional.conv3d(
            X, w, *(b if biased else (None,)), groups=X.shape[1], **options
        )
        Y = Y if act == 0 else getattr(torch, ACTIVATIONS[act])(Y)
        return Y.permute(0, 2, 3, 4, 1)

    return function if torch is not None else None


def places(size, kernel, stride, padding, dilation):
    axes = zip(size, kernel, stride, padding, dilation)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)


def check(shape, kernel, m, options, act, biased, device):
    size = shape[1:4]
    out = places(size, kernel, **options)
    rng = np.random.default_rng(0)
    C = shape[4]
    x, w = rng.standard_normal(shape), rng.standard_normal((C * m, 1, *kernel))
    bias = [rng.standard_normal(C * m)] if biased else []

    def ours(x, w, *b):
        # The operation itself takes channels-last memory in C order.
        x = x.contiguous()
        return depthwise(x, w, *(b or (None,)), out=out, **options, act=act)

    check_op(ours, x, w, *bias, device=device, torch_function=their_function(options, act, biased))


few = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
three = st.tuples(*[st.integers(1, 3)] * 3)


@few
@given(
    st.integers(1, 3),
    st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 9)),
    st.integers(1, 9),
    st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 6)),
    st.sampled_from([1, 1, 2, 5]),
    three,
    st.tuples(*[st.integers(0, 3)] * 3),
    three,
    st.sampled_from([0, 2, 3]),
    st.booleans(),
)
def test_pair(device, N, size, C, kernel, m, stride, padding, dilation, act, biased):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    assume(min(places(size, kernel, **options)) > 0)
    check((N, *size, C), kernel, m, options, act, biased, device)


@pytest.mark.parametrize("size", [(1, 1), (16, 17)])
@pytest.mark.parametrize("C", [3, 33])
def test_the_usual_one(device, size, C):
    options = {"stride": (1, 1, 1), "padding": (0, 1, 1), "dilation": (1, 1, 1)}
    check((2, 1, *size, C), (1, 3, 3), 1, options, 0, True, device)


def test_an_empty_batch(device):
    options = {"stride": (1, 1, 1), "padding": (0, 1, 1), "dilation": (1, 1, 1)}
    check((0, 1, 4, 4, 3), (1, 3, 3), 1, options, 0, True, device)


def test_relu_keeps_nan_and_has_no_slope_below_zero(device):
    options = {"stride": (1, 1, 1), "padding": (0, 1, 1), "dilation": (1, 1, 1)}
    check((1, 1, 5, 4, 3), (1, 3, 3), 1, options, 1, True, device)


@pytest.mark.parametrize("shape", [(2, 16, 9, 10), (1, 3, 1, 1), (3, 5, 4, 1), (0, 4, 5, 5)])
def test_a_separable_block(device, shape):
    """A convolution in as many groups as channels, and one of 1 x 1; channels-first input."""
    rng = np.random.default_rng(0)
    C = shape[1]
    inputs = [rng.standard_normal(s) for s in (shape, (2 * C, 1, 3, 3), (2 * C,), (7, 2 * C, 1, 1))]

    def block(functional):
        def function(x, w, b, v):
            y = functional.conv2d(x, w, b, padding=1, groups=C)
            return functional.conv2d(functional.sigmoid(y), v)

        return function

    theirs = block(torch.nn.functional) if torch is not None and shape[0] else None
    check_op(block(functional), *inputs, device=device, torch_function=theirs)


def test_the_same_numbers_from_one_thread_and_from_many():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 1, 20, 21, 16)).astype("float32")
    W = rng.standard_normal((1, 3, 3, 16)).astype("float32")
    geometry = ((1, 1, 1), (0, 1, 1), (1, 1, 1))
    forward, backward = cpu.load("depthwise_forward"), cpu.load("depthwise_backward_input")
    weight = cpu.load("depthwise_backward_weight")
    before = cpu.settings.threads
    results = []
    try:
        for threads in (1, 3, 2):
            cpu.settings.threads = threads
            Y, dX, dW = np.empty_like(X), np.empty_like(X), np.empty_like(W)
            forward(X, W, None, Y, *geometry, 0)
            backward(X, W, dX, *geometry)
            weight(X, Y, dW, *geometry)
            results.append((Y, dX, dW))
    finally:
        cpu.settings.threads = before
    for one, *others in zip(*results):
        for other in others:
            np.testing.assert_array_equal(one, other)
