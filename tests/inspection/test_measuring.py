"""The numbers: against the textbook network, against PyTorch, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn, optim
from gpunet.inspection import inspect
from gpunet.network import Network


def norm(x):
    return math.sqrt(float((np.asarray(x, np.float64) ** 2).sum()))


def rms(x):
    return norm(x) / math.sqrt(np.asarray(x).size)


def exactly(x):
    return pytest.approx(x, rel=1e-12)


def quadratic(output, targets):
    return ((output - targets) ** 2).sum() / (2 * len(targets))


def book(device, sizes=(5, 7, 4, 3), batch=6):
    """The textbook network, and the same as a module, with a batch."""
    network = Network(sizes, seed=1, dtype=np.float64)
    layers = []
    for w, b in zip(network.weights, network.biases):
        layer = nn.Linear(w.shape[1], w.shape[0], dtype=gpunet.float64)
        layer.load_state_dict({"weight": w, "bias": b})
        layers += [layer, nn.Sigmoid()]
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((batch, sizes[0])), rng.random((batch, sizes[-1]))
    return network, nn.Sequential(*layers).to(device), x, y


def test_deltas_are_those_of_the_book(device):
    network, model, x, y = book(device)
    found = network.backprop(x, y)
    report = inspect(model, quadratic, on_device(x, device), on_device(y, device))
    assert [layer.name for layer in report.layers] == ["0", "2", "4"]
    assert [layer.kind for layer in report.layers] == ["Linear + Sigmoid"] * 3
    for i, layer in enumerate(report.layers):
        delta = found.deltas[i]
        assert layer.delta == exactly(norm(delta) / math.sqrt(len(x)))
        assert layer.delta_rms == exactly(rms(delta))
        assert layer.input == exactly(rms(found.activations[i]))
        assert layer.output == exactly(rms(found.activations[i + 1]))
        weight, bias = layer.parameters
        assert (weight.name, bias.name) == (f"{2 * i}.weight", f"{2 * i}.bias")
        assert weight.weight == exactly(norm(network.weights[i]))
        assert weight.gradient == exactly(norm(found.nabla_w[i]) / len(x))
        assert bias.gradient == exactly(norm(found.nabla_b[i]) / len(x))
        assert weight.relative_gradient == layer.relative_gradient
        assert layer.gradient == exactly(math.hypot(weight.gradient, bias.gradient))
        assert weight.update is None
        assert layer.relative_update is None
    assert report.loss == exactly(network.cost(x, y))
    assert (report.samples, report.optimizer) == (len(x), None)


def test_by_hand(device):
    # z = 2 * 0.5 + 1 = 2 and C = (z - 5)^2 for the one sample: delta = 2 (2 - 5) = -6.
    model = nn.Linear(1, 1, dtype=gpunet.float64).to(device)
    model.load_state_dict({"weight": np.array([[2.0]]), "bias": np.array([1.0])})
    x, y = (on_device(np.array([[value]]), device) for value in (0.5, 5.0))
    report = inspect(model, nn.MSELoss(), x, y, optim.SGD(model.parameters(), lr=0.1))
    (layer,) = report.layers
    assert (layer.name, layer.kind, layer.uses, layer.units) == ("", "Linear", 1, 1)
    assert layer.delta == exactly(6)
    assert (layer.input, layer.output) == (0.5, 2)
    weight, bias = layer.parameters
    assert (weight.name, weight.gradient, weight.update) == ("weight", 3, exactly(0.3))
    assert (bias.name, bias.gradient, bias.update) == ("bias", 6, exactly(0.6))
    assert layer.relative_update == exactly(0.15)
    assert report.optimizer == "SGD, lr 0.1"
    assert report.error is None  # of one sample: there are no targets of another


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_delta_does_not_depend_on_the_size_of_the_batch(reduction, device):
    gpunet.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double().to(device)
    x = gpunet.randn(7, 4, dtype=gpunet.float64, device=device)
    y = gpunet.randint(0, 3, (7,), device=device)
    loss_fn = nn.CrossEntropyLoss(reduction=reduction)
    one = inspect(model, loss_fn, x, y)
    four = inspect(model, loss_fn, gpunet.cat([x] * 4), gpunet.cat([y] * 4))
    for a, b in zip(one.layers, four.layers):
        assert (a.delta, a.delta_rms) == (exactly(b.delta), exactly(b.delta_rms))
    mean = inspect(model, nn.CrossEntropyLoss(), x, y)
    assert one.layers[0].delta == exactly(mean.layers[0].delta)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        (optim.Adam, {"lr": 0.01}),
        (optim.RMSprop, {"lr": 0.01}),
    ],
)
def test_updates_are_those_of_the_next_step(kind, options, device):
    gpunet.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).to(device)
    x, y = gpunet.randn(8, 4, device=device), gpunet.randint(0, 3, (8,), device=device)
    optimizer, loss_fn = kind(model.parameters(), **options), nn.CrossEntropyLoss()
    for _ in range(3):
        report = inspect(model, loss_fn, x, y, optimizer)
        before = {name: array_of(p).copy() for name, p in model.named_parameters()}
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
        found = {p.name: p for layer in report.layers for p in layer.parameters}
        assert found.keys() == before.keys()
        for name, p in model.named_parameters():
            change = norm(array_of(p) - before[name])
            assert found[name].update == pytest.approx(change, rel=1e-4)
            assert found[name].relative_update == pytest.approx(
                change / norm(before[name]), rel=1e-4
            )


class OwnOptimizer(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.25})
        self.calls = []

    def step(self, closure=None):
        self.calls.append(1)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    count = self.state[p].setdefault("count", 0) + 1
                    self.state[p]["count"] = count
                    p.sub_(p.grad * (group["lr"] * count))


def test_an_optimizer_of_ones_own():
    model = nn.Linear(3, 2)
    optimizer = OwnOptimizer(model.parameters())
    x, y = gpunet.randn(4, 3), gpunet.randn(4, 2)
    before = [array_of(p).copy() for p in model.parameters()]
    report = inspect(model, nn.MSELoss(), x, y, optimizer)
    for p in report.layers[0].parameters:
        assert p.update == pytest.approx(0.25 * p.gradient, rel=1e-5)
    assert optimizer.calls == []
    assert not optimizer.state
    for p, old in zip(model.parameters(), before):
        np.testing.assert_array_equal(array_of(p), old)


def test_an_optimizer_that_needs_a_closure():
    model = nn.Linear(3, 2)
    optimizer = optim.LBFGS(model.parameters())
    report = inspect(model, nn.MSELoss(), gpunet.randn(4, 3), gpunet.randn(4, 2), optimizer)
    assert report.layers[0].relative_update is None
    assert report.layers[0].relative_gradient > 0


def test_an_optimizer_of_some_of_the_parameters():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = optim.SGD(model[1].parameters(), lr=0.1)
    report = inspect(model, nn.MSELoss(), gpunet.randn(4, 3), gpunet.randn(4, 2), optimizer)
    assert report.layer("0").relative_update is None
    assert report.layer("1").relative_update > 0


def test_same_as_pytorch(device):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("compares with PyTorch")

    def build(module):
        return module.Sequential(
            module.Linear(6, 8), module.LayerNorm(8), module.ReLU(), module.Linear(8, 5),
            module.Tanh(), module.Linear(5, 5), module.Softplus(), module.Linear(5, 3),
        )  # fmt: skip

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 6)), rng.integers(0, 3, 9)
    theirs = build(torch.nn).double()
    ours = build(nn).double()
    ours.load_state_dict(theirs.state_dict())
    ours.to(device)
    deltas = {}

    def watch(name):
        def hook(module, args, output):
            output.register_hook(lambda gradient: deltas.__setitem__(name, gradient.numpy()))

        return hook

    for name, module in theirs.named_modules():
        module.register_forward_hook(watch(name))
    torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(y)).backward()
    gradients = {name: norm(p.grad.numpy()) for name, p in theirs.named_parameters()}
    before = {name: p.detach().clone().numpy() for name, p in theirs.named_parameters()}
    torch.optim.Adam(theirs.parameters(), lr=0.01).step()

    optimizer = optim.Adam(ours.parameters(), lr=0.01)
    inputs, targets = on_device(x, device), on_device(y, device)
    report = inspect(ours, nn.CrossEntropyLoss(), inputs, targets, optimizer)
    assert [(layer.name, layer.kind) for layer in report.layers] == [
        ("0", "Linear"),
        ("1", "LayerNorm + ReLU"),
        ("3", "Linear + Tanh"),
        ("5", "Linear + Softplus"),
        ("7", "Linear"),
    ]
    for layer in report.layers:
        expected = norm(deltas[layer.name]) * math.sqrt(len(x))
        assert layer.delta == pytest.approx(expected, rel=1e-9)
        for p in layer.parameters:
            change = norm(theirs.get_parameter(p.name).detach().numpy() - before[p.name])
            assert p.gradient == pytest.approx(gradients[p.name], rel=1e-9)
            assert p.update == pytest.approx(change, rel=1e-6)


class Pass(nn.Module):
    """Gives the activation what the test wants."""

    def __init__(self, activation):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        self.layer.weight.array[...] = 1
        self.act = activation

    def forward(self, z):
        return self.act(z)


ACTIVATIONS = {
    # name: module, sigma'(z) / max sigma', what is zero
    "sigmoid": (nn.Sigmoid(), lambda z: 4 * np.exp(-abs(z)) / (1 + np.exp(-abs(z))) ** 2, None),
    "tanh": (nn.Tanh(), lambda z: 1 - np.tanh(z) ** 2, None),
    "softsign": (nn.Softsign(), lambda z: 1 / (1 + abs(z)) ** 2, None),
    "hardtanh": (nn.Hardtanh(-2, 3), lambda z: 1.0 * ((z > -2) & (z < 3)), None),
    "relu6": (nn.ReLU6(), lambda z: 1.0 * (z < 6), lambda z: z <= 0),
    "relu": (nn.ReLU(), None, lambda z: z <= 0),
    "leaky_relu": (nn.LeakyReLU(), None, None),
    "elu": (nn.ELU(), None, None),
    "gelu": (nn.GELU(), None, None),
    "log_softmax": (nn.LogSoftmax(1), None, None),
}


def columns():
    """Units that are low, high, mixed and in the middle."""
    rng = np.random.default_rng(0)
    return rng.random((9, 6)) + np.array([-9, 9, -0.5, 2, 5.4, 3.0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_saturated_and_dead_units(name, device):
    module, slope, zero = ACTIVATIONS[name]
    z = columns()
    x = on_device(z, device, True)
    (layer, _) = inspect(Pass(module).to(device), lambda y, t: y.sum(), x, None).layers
    assert (layer.name, layer.uses, layer.units) == ("act", 1, 6)
    if slope is None:
        assert layer.saturated is layer.saturated_values is None
    else:
        saturated = slope(z) < 0.05
        assert layer.saturated_values == exactly(saturated.mean())
        assert layer.saturated == exactly((saturated.mean(0) > 0.5).mean())
        assert 0 < layer.saturated < 1
    if zero is None:
        assert layer.dead is layer.zeros is None
    else:
        assert layer.zeros == exactly(zero(z).mean())
        assert layer.dead == exactly(zero(z).all(0).mean())
        assert 0 < layer.dead < layer.zeros


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softsign", "hardtanh", "relu6", "relu"])
def test_activations_called_as_functions_count_alike(name, device):
    z = columns()

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6, bias=False, dtype=gpunet.float64)
            self.layer.weight.array[...] = np.eye(6)

        def forward(self, x):
            options = (-2, 3) if name == "hardtanh" else ()
            return getattr(nn.functional, name)(self.layer(x), *options)

    x = on_device(z, device)
    (layer,) = inspect(Model().to(device), lambda y, t: y.sum(), x, None).layers
    expected = inspect(Pass(ACTIVATIONS[name][0]).to(device), lambda y, t: y.sum(), x, None).layers[
        0
    ]
    for field in ("saturated", "saturated_values", "dead", "zeros"):
        assert getattr(layer, field) == getattr(expected, field)
    assert layer.kind == f"Linear + {'hardtanh' if name == 'relu6' else name}"


def test_a_softmax_is_saturated_by_samples(device):
    scores = np.array([[9.0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 0, 0.5]])
    model = Pass(nn.Softmax(1)).to(device)
    layer = inspect(model, lambda y, t: y.sum(), on_device(scores, device), None).layers[0]
    assert layer.saturated_values == exactly(2 / 3)
    assert layer.saturated == 1
    many = on_device(np.zeros((3, 1000)), device)  # each probability is small, none is stuck
    assert inspect(model, lambda y, t: y.sum(), many, None).layers[0].saturated == 0


def test_numbers_that_float32_cannot_square(device):
    model = nn.Linear(3, 2).to(device)
    x, y = gpunet.randn(4, 3, device=device), gpunet.randn(4, 2, device=device)
    small = inspect(model, lambda a, b: nn.functional.mse_loss(a, b) * 1e-30, x, y).layers[0]
    usual = inspect(model, nn.MSELoss(), x, y).layers[0]
    assert small.delta == pytest.approx(1e-30 * usual.delta, rel=1e-5)
    assert small.gradient == pytest.approx(1e-30 * usual.gradient, rel=1e-5)


def test_one_read_from_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    model = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 4),
        nn.Sigmoid(),
    ).to(cuda)  # fmt: skip
    x, y = gpunet.randn(5, 6, device=cuda), gpunet.rand(5, 4, device=cuda)
    optimizer = optim.Adam(model.parameters())
    for _ in range(2):  # the first one compiles kernels
        cupy._standin.reset()
        inspect(model, nn.MSELoss(), x, y, optimizer)
    assert cupy._standin.synchronisations == 1
