"""The textbook network: matrices against the book's loop, gradients, learning, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from opcheck import array_of

import gpunet
from gpunet import nn
from gpunet.errors import DeviceError
from gpunet.io import load_file, save_file
from gpunet.network import ACTIVATIONS, Network

# Every activation in hidden layers and, where the cost allows it, in the output.
KINDS = [
    *((name, "quadratic") for name in ACTIVATIONS),
    *(([name, "sigmoid", "sigmoid"], "cross-entropy") for name in ACTIVATIONS),
    (["relu", "tanh", "identity"], "quadratic"),
]
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


def make(activation, cost, device, rows=7):
    net = Network([5, 4, 6, 3], activation, cost, seed=3, dtype=np.float64, device=device)
    rng = np.random.default_rng(4)
    return net, rng.standard_normal((rows, 5)), rng.random((rows, 3))


@pytest.mark.parametrize(("activation", "cost"), KINDS)
def test_the_whole_mini_batch_equals_the_loop_over_samples(activation, cost, device):
    net, x, y = make(activation, cost, device)
    found = net.backprop(x, y)
    nabla_w, nabla_b = net.backprop_per_sample(x, y)
    for ours, loop in zip(found.nabla_w + found.nabla_b, nabla_w + nabla_b):
        assert ours.shape == loop.shape
        np.testing.assert_allclose(array_of(ours), array_of(loop), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("activation", "cost"), KINDS)
def test_gradients_are_those_of_the_cost(activation, cost, device):
    net, x, y = make(activation, cost, device)
    found = net.backprop(x, y)
    for parameters, gradients in ((net.weights, found.nabla_w), (net.biases, found.nabla_b)):
        for parameter, gradient in zip(parameters, gradients):
            direction = net._array(np.random.default_rng(5).standard_normal(parameter.shape), "")
            analytic = float((gradient * direction).sum()) / len(x)
            step = 1e-6
            parameter += step * direction
            above = net.cost(x, y)
            parameter -= 2 * step * direction
            below = net.cost(x, y)
            parameter += step * direction
            assert analytic == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


def test_everything_on_the_way_is_returned(device):
    net, x, y = make("sigmoid", "quadratic", device)
    found = net.backprop(x, y)
    assert [z.shape for z in found.zs] == [(7, 4), (7, 6), (7, 3)]
    assert [a.shape for a in found.activations] == [(7, 5), (7, 4), (7, 6), (7, 3)]
    assert [d.shape for d in found.deltas] == [(7, 4), (7, 6), (7, 3)]
    np.testing.assert_array_equal(
        array_of(found.activations[-1]), array_of(net.feedforward(x)), strict=True
    )


def test_what_was_returned_stays_as_it_is(device):
    net, x, y = make("tanh", "quadratic", device)
    found = list(itertools.chain(*net.backprop(x, y)))
    kept = [array_of(a).copy() for a in found]
    net.backprop(2 * x, y)
    net.update_mini_batch(3 * x, y, 0.1)
    for array, before in zip(found, kept):
        np.testing.assert_array_equal(array_of(array), before)


@pytest.mark.parametrize(("activation", "cost"), KINDS)
@pytest.mark.parametrize("lmbda", [0.0, 0.7])
def test_a_step_is_that_of_the_loop_over_samples(activation, cost, lmbda, device):
    net, x, y = make(activation, cost, device)
    for rows in (slice(0, 4), slice(4, 7), slice(1, 4)):
        m, eta, n = rows.stop - rows.start, 0.5, 7
        nablas = net.backprop_per_sample(x[rows], y[rows])
        expected = [
            (1 - eta * decay / n) * array_of(p) - eta / m * array_of(nabla)
            for parameters, gradients, decay in zip((net.weights, net.biases), nablas, (lmbda, 0))
            for p, nabla in zip(parameters, gradients)
        ]
        net.update_mini_batch(x[rows], y[rows], eta, lmbda, n)
        for p, after in zip((*net.weights, *net.biases), expected):
            np.testing.assert_allclose(array_of(p), after, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("rows", "sizes"), [(10, [784, 30, 10]), (64, [100, 70, 5])])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sizes_that_other_kernels_serve(rows, sizes, dtype):
    net = Network(sizes, seed=1, dtype=dtype)
    rng = np.random.default_rng(0)
    x, y = rng.random((rows, sizes[0])), np.eye(sizes[-1])[rng.integers(0, sizes[-1], rows)]
    found = net.backprop(x, y)
    nabla_w, nabla_b = net.backprop_per_sample(x, y)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for ours, loop in zip(found.nabla_w + found.nabla_b, nabla_w + nabla_b):
        np.testing.assert_allclose(ours, loop, rtol=tolerance, atol=tolerance)


def test_a_step_does_not_wait_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    net, x, y = make("sigmoid", "quadratic", cuda)
    x, y = net._array(x, "x"), net._array(y, "y")
    net.update_mini_batch(x, y, 0.1, 0.1)
    cupy._standin.reset()
    for _ in range(3):
        net.update_mini_batch(x, y, 0.1, 0.1)
    assert cupy._standin.synchronisations == 0
    assert cupy._standin.uploads == 0, cupy._standin.history


@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy"])
def test_learns_xor(cost, device):
    net = Network([2, 8, 1], ["tanh", "sigmoid"], cost, seed=0, device=device)
    history = net.SGD(XOR, 600, 4, 2.0, test_data=XOR, verbose=False)
    assert history[-1][0] == 4
    assert history[-1][1] < 0.5 * history[0][1]


@pytest.mark.parametrize(("cost", "eta"), [("quadratic", 3.0), ("cross-entropy", 0.5)])
def test_learns_digits(cost, eta, device):
    from gpunet.datasets import load_digits

    digits = load_digits()
    train = digits.train_images.reshape(-1, 64)[:500], digits.train_labels[:500]
    test = digits.test_images.reshape(-1, 64), digits.test_labels
    net = Network([64, 30, 10], cost=cost, seed=0, device=device)
    history = net.SGD(train, 15, 10, eta, lmbda=0.1, test_data=test, verbose=False)
    assert history[-1][0] > 0.9 * len(test[0])


def test_the_same_seed_gives_the_same_run_and_leaves_the_data_alone(capsys):
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 3)), rng.integers(0, 2, 20)
    kept = x.copy(), y.copy()
    runs = []
    for _ in range(2):
        net = Network([3, 4, 2], seed=7)
        runs.append(net.SGD((x, y), 3, 6, 1.0, test_data=(x, y)))
    assert runs[0] == runs[1]
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"Epoch 0: {runs[0][0][0]} / 20, cost {runs[0][0][1]:.4g}"
    assert net.SGD((x, y), 1, 6, 1.0) == []
    assert capsys.readouterr().out == "Epoch 0: complete\n"


def test_begins_the_same_on_every_device_and_in_both_dtypes(device):
    first = Network([40, 30, 10], seed=5, dtype=np.float64)
    for dtype, tolerance in ((np.float32, 1e-7), (np.float64, 1e-13)):
        net = Network([40, 30, 10], seed=5, dtype=dtype, device=device)
        for ours, theirs in zip(net.weights + net.biases, first.weights + first.biases):
            np.testing.assert_allclose(array_of(ours), theirs, rtol=tolerance, atol=1e-14)
    assert first.weights[0].std() * 40**0.5 == pytest.approx(1, rel=0.1)
    assert first.biases[0].std() == pytest.approx(1, rel=0.4)
    assert not (Network([40, 30, 10]).parameters == Network([40, 30, 10]).parameters).any()


def test_weights_and_biases_are_views_of_the_parameters():
    net = Network([3, 4, 2], seed=0)
    net.parameters[:] = np.arange(len(net.parameters))
    flat = [a.reshape(-1) for a in (*net.weights, *net.biases)]
    np.testing.assert_array_equal(np.concatenate(flat), net.parameters)
    with pytest.raises(AttributeError):
        net.weights = [w + 1 for w in net.weights]
    with pytest.raises(AttributeError):
        net.biases = [b + 1 for b in net.biases]


def test_a_loaded_state_goes_on_as_the_one_that_was_saved(device, tmp_path):
    rng = np.random.default_rng(0)
    data = rng.random((23, 3)), rng.integers(0, 2, 23)
    net = Network([3, 4, 2], seed=-7, device=device)
    net.SGD(data, 2, 5, 1.0, verbose=False)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    net.SGD(data, 2, 5, 1.0, verbose=False)
    other = Network([3, 4, 2], seed=8, device=device)
    keys = other.load_state_dict(load_file(tmp_path / "net.safetensors"))
    assert keys == ([], [])
    other.SGD(data, 2, 5, 1.0, verbose=False)
    np.testing.assert_array_equal(array_of(other.parameters), array_of(net.parameters))
    assert other.generator.get_state()["offset"] == net.generator.get_state()["offset"]


def test_a_state_that_does_not_fit_is_refused():
    net, other = Network([3, 4, 2], seed=0), Network([3, 5, 2], seed=1)
    names = ["weights.0", "weights.1", "biases.0", "biases.1", "generator"]
    assert list(net.state_dict()) == names
    before = net.parameters.copy()
    with pytest.raises(
        RuntimeError, match=r"for Network:\n.*size mismatch for weights.0.*\(5, 3\)"
    ):
        net.load_state_dict(other.state_dict())
    state = Network([3, 4, 2], seed=1).state_dict()
    del state["biases.1"]
    state["biases.2"] = np.zeros(2)
    with pytest.raises(RuntimeError, match=r'Missing .*"biases.1".*\n.*Unexpected .*"biases.2"'):
        net.load_state_dict(state)
    np.testing.assert_array_equal(net.parameters, before)
    keys = net.load_state_dict(state, strict=False)
    assert keys == (["biases.1"], ["biases.2"])
    np.testing.assert_array_equal(net.weights[1], state["weights.1"])
    assert net.generator.initial_seed() == 1


def mean_quadratic_cost(model, x, y):
    return 0.5 * ((model(x) - y) ** 2).sum() / len(x)


@pytest.mark.parametrize("activation", ["sigmoid", ["relu", "tanh", "identity"]])
def test_is_the_same_network_as_a_module(activation, device):
    net, x, y = make(activation, "quadratic", device)
    gpunet.manual_seed(3)
    before = gpunet.get_rng_state()
    model = net.to_module()
    assert gpunet.get_rng_state() == before
    x, y = net._array(x, "x"), net._array(y, "y")
    mean_quadratic_cost(model, gpunet.Tensor(x), gpunet.Tensor(y)).backward()
    np.testing.assert_allclose(
        array_of(model(gpunet.Tensor(x))), array_of(net.feedforward(x)), rtol=1e-12
    )
    found = net.backprop(x, y)
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    for linear, nabla_w, nabla_b in zip(linears, found.nabla_w, found.nabla_b, strict=True):
        for ours, theirs in ((nabla_w, linear.weight.grad), (nabla_b, linear.bias.grad)):
            np.testing.assert_allclose(array_of(ours) / 7, array_of(theirs), atol=1e-14)
    again = Network.from_module(model, seed=0)
    assert (again.sizes, again.activation) == (net.sizes, net.activation)
    assert (again.dtype, again.device) == (net.dtype, net.device)
    np.testing.assert_array_equal(array_of(again.parameters), array_of(net.parameters))
    again.parameters[:] = 0
    assert float(abs(array_of(linears[0].weight)).sum()) > 0


def test_modules_that_are_no_such_network_are_refused():
    linear = nn.Linear(3, 2)
    with pytest.raises(TypeError, match="expected a Sequential, got Linear"):
        Network.from_module(linear)
    with pytest.raises(ValueError, match="empty Sequential"):
        Network.from_module(nn.Sequential())
    for layers, i in (
        ([nn.Sigmoid(), linear], 0),
        ([linear, nn.Sigmoid(), nn.Tanh()], 2),
        ([linear, nn.GELU()], 1),
        ([nn.Linear(3, 2, bias=False)], 0),
    ):
        with pytest.raises(ValueError, match=rf"module\[{i}\]: expected a Linear with bias"):
            Network.from_module(nn.Sequential(*layers))
    with pytest.raises(RuntimeError, match=r"size mismatch for weights.1.*\(2, 3\)"):
        Network.from_module(nn.Sequential(linear, linear))


def test_regularisation_shrinks_the_weights_and_enters_the_cost():
    net = Network([2, 1], seed=0, dtype=np.float64)
    x, y = np.zeros((4, 2)), np.full((4, 1), 0.5)
    net.biases[0][:] = 0  # output 0.5: no error, so only the decay acts
    before = net.weights[0].copy()
    assert net.cost(x, y, lmbda=2.0) == pytest.approx((before**2).sum() / 4)
    net.update_mini_batch(x, y, eta=0.5, lmbda=0.2, n=10)
    np.testing.assert_allclose(net.weights[0], before * (1 - 0.5 * 0.2 / 10), rtol=1e-15)


def test_saturated_neurons_give_finite_numbers(device):
    net = Network([1, 1], cost="cross-entropy", seed=0, device=device)
    net.weights[0][:] = 1000
    assert np.isfinite(array_of(net.feedforward([[-50.0], [50.0]]))).all()
    assert net.cost([[50.0]], [[0.0]]) == pytest.approx(50_000, rel=1e-3)
    assert net.cost([[50.0]], [[1.0]]) == pytest.approx(0)


@pytest.mark.parametrize(("dtype"), [np.float32, np.float64])
def test_keeps_its_dtype(dtype, device):
    net = Network([3, 4, 2], ["relu", "tanh"], seed=0, dtype=dtype, device=device)
    found = net.backprop(np.ones((2, 3)), np.array([0, 1]))
    net.update_mini_batch(np.ones((2, 3)), np.array([0, 1]), 0.1, 0.1)
    assert {a.dtype for a in itertools.chain(*found, net.weights, net.biases)} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [3]}, "two or more positive integers"),
        ({"sizes": [3, 0]}, "positive integers"),
        ({"sizes": [3, 2.5]}, "positive integers"),
        ({"sizes": [3, 2], "activation": "swish"}, "expected one of sigmoid, tanh"),
        ({"sizes": [3, 2], "activation": ["tanh", "tanh"]}, "a list of 1"),
        ({"sizes": [3, 2], "cost": "hinge"}, "quadratic, cross-entropy"),
        ({"sizes": [3, 2], "activation": "tanh", "cost": "cross-entropy"}, "needs a sigmoid"),
        ({"sizes": [3, 2], "dtype": np.int32}, "float32 or float64, got int32"),
    ],
)
def test_a_bad_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Network(**arguments)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 4)), [0, 1], r"x: expected one or more rows of 3 values, got \(2, 4\)"),
        (np.zeros((0, 3)), [], "one or more rows"),
        (np.zeros(3), [0], "rows of 3 values"),
        (np.zeros((2, 3)), [0, 2], "labels must be 0 to 1, got 0 to 2"),
        (np.zeros((2, 3)), [-1, 0], "got -1 to 0"),
        (np.zeros((2, 3)), [0, 1, 1], r"y: expected 2 integer labels .* got shape \(3,\)"),
        (np.zeros((2, 3)), [0.0, 1.0], "dtype float64"),
    ],
)
def test_bad_data_is_refused(x, y, message, device):
    with pytest.raises(ValueError, match=message):
        Network([3, 2], device=device).backprop(x, y)


def test_bad_settings_are_refused():
    net, data = Network([2, 1]), XOR
    with pytest.raises(ValueError, match="epochs and mini_batch_size"):
        net.SGD(data, 0, 1, 1.0)
    with pytest.raises(ValueError, match="epochs and mini_batch_size"):
        net.SGD(data, 1, 2.0, 1.0)
    with pytest.raises(ValueError, match="eta > 0"):
        net.SGD(data, 1, 1, float("nan"))
    with pytest.raises(ValueError, match=r"test_data\[0\]"):
        net.SGD(data, 1, 1, 1.0, test_data=(np.zeros((1, 3)), [0]))


def test_arrays_of_another_device_are_refused(cuda):
    there = Network([2, 1], device=cuda)
    with pytest.raises(DeviceError, match=r"x: the array is on cuda:0, the network on cpu"):
        Network([2, 1]).feedforward(there._array(XOR[0], "x"))
