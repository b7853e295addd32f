"""Two linear layers and the activation between them as one operation."""

import numpy as np
import pytest
from opcheck import array_of, check_op, torch_or_none

import gpunet
from gpunet import nn
from gpunet.nn import functional as F
from gpunet.nn import sequential
from gpunet.nn.functional.feed_forward import feed_forward

torch = torch_or_none()
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


@pytest.mark.parametrize("activation", ["relu", "gelu_tanh"])
@pytest.mark.parametrize("shape", [(5, 7), (7,), (2, 3, 7), (1, 7), (0, 7)])
@pytest.mark.parametrize("hidden", [4, 8, 130])
@pytest.mark.parametrize("biases", [(True, True), (False, True), (False, False)])
def test_feed_forward(device, activation, shape, hidden, biases):
    arrays = [normal(*shape), normal(hidden, 7), normal(3, hidden)]
    first, second = biases
    arrays += [normal(hidden)] if first else []
    arrays += [normal(3)] if second else []

    def split(rest):
        rest = list(rest)
        return rest.pop(0) if first else None, rest.pop(0) if second else None

    def ours(x, w1, w2, *rest):
        b1, b2 = split(rest)
        return feed_forward(x, w1, b1, w2, b2, activation)

    def theirs(x, w1, w2, *rest):
        b1, b2 = split(rest)
        f = torch.nn.functional
        z = f.linear(x, w1, b1)
        return f.linear(
            f.relu(z) if activation == "relu" else f.gelu(z, approximate="tanh"), w2, b2
        )

    check_op(ours, *arrays, device=device, torch_function=torch and theirs)


def gradients(device, build, plan, steps=1):
    """Outputs and gradients of a model, with the layers joined or one by one."""
    gpunet.manual_seed(0)
    model = build().to(device)
    if not plan:
        model[0].register_forward_hook(lambda *args: None)
    x = gpunet.randn(6, 5).to(device).requires_grad_()
    y = model(x)
    (y * y).sum().backward()
    return [array_of(t) for t in (y, x.grad, *(p.grad for p in model.parameters()))]


MODELS = {
    "relu": lambda: nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 4)),
    "gelu": lambda: nn.Sequential(nn.Linear(5, 9), nn.GELU("tanh"), nn.Linear(9, 4)),
    "exact gelu": lambda: nn.Sequential(nn.Linear(5, 9), nn.GELU(), nn.Linear(9, 4)),
    "three": lambda: nn.Sequential(
        nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_sequential_gives_the_same_numbers(device, name):
    joined, plain = (gradients(device, MODELS[name], plan) for plan in (True, False))
    for a, b in zip(joined, plain):
        if device == "cpu":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "times"),
    [
        ([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)], 1),
        ([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU()], 0),
        ([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)], 1),
        ([nn.Linear(4, 4), nn.GELU("tanh"), nn.Linear(4, 4), nn.Dropout()], 1),
        ([nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4)], 0),
        ([nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4)], 0),
        ([nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4)], 0),
    ],
)
def test_which_layers_are_joined(layers, times, monkeypatch):
    calls = []
    monkeypatch.setattr(
        sequential, "feed_forward", lambda *args: (calls.append(1), feed_forward(*args))[1]
    )
    nn.Sequential(*layers)(gpunet.randn(2, 4))
    assert len(calls) == times


def test_hooks_in_the_middle_are_called():
    model = MODELS["relu"]()
    seen = []
    model[1].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    model(gpunet.randn(2, 5))
    assert seen == [(2, 9)]


def test_autocast_rounds_what_is_between(device):
    gpunet.manual_seed(0)
    model = MODELS["relu"]().to(device)
    x = gpunet.randn(3, 5).to(device)
    with gpunet.autocast(device, dtype=gpunet.float16):
        y = model(x)
        expected = F.linear(
            F.relu(F.linear(x, model[0].weight, model[0].bias)), model[2].weight, model[2].bias
        )
    assert y.dtype == gpunet.float16
    np.testing.assert_array_equal(array_of(y), array_of(expected))


def test_shapes_that_do_not_fit():
    model = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(8, 4))
    with pytest.raises(RuntimeError, match=r"its weight of shape \(4, 8\) takes 8"):
        model(gpunet.randn(2, 5))
    with pytest.raises(RuntimeError, match=r"its weight of shape \(9, 5\) takes 5"):
        model(gpunet.randn(2, 4))


@pytest.mark.parametrize("frozen", [(0,), (2,), (0, 2)])
def test_frozen_layers(device, frozen):
    runs = []
    for plan in (True, False):
        gpunet.manual_seed(0)
        model = MODELS["relu"]().to(device)
        for i in frozen:
            model[i].requires_grad_(False)
        if not plan:
            model[0].register_forward_hook(lambda *args: None)
        x = gpunet.ones(3, 5, device=device).requires_grad_()
        model(x).sum().backward()
        runs.append([x.grad, *(p.grad for p in model.parameters())])
    for a, b in zip(*runs):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-5, atol=1e-6)
