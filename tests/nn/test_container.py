import copy
from collections import OrderedDict

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn

torch = torch_or_none()
RNG = np.random.default_rng(0)


def names(module):
    return list(module._modules)


def same(nn):
    """Both libraries' results of the same edits of a Sequential and a ModuleList."""
    trace = []
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    model.append(nn.Tanh())
    model.extend([nn.Identity(), nn.Linear(4, 1)])
    model.insert(1, nn.Sigmoid())
    model.insert(-1, nn.Flatten())
    trace.append(repr(model))
    trace += [repr(model[1:4]), repr(model[-1]), repr(model[::2]), len(model)]
    model[0] = nn.Identity()
    del model[2]
    del model[4:]
    trace.append(repr(model))
    trace += [repr(model.pop(1)), repr(model), [type(m).__name__ for m in model]]
    trace += [repr(model + nn.Sequential(nn.ReLU())), repr(model * 2), repr(2 * model)]
    model += nn.Sequential(nn.ReLU())
    trace.append(repr(model))
    model *= 2
    trace.append(repr(model))
    named = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), last=nn.ReLU()))
    trace += [repr(named), repr(named[:1]), repr(named.first), list(named.state_dict())]

    layers = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
    layers.append(nn.ReLU())
    layers.extend([nn.Tanh()])
    layers.insert(0, nn.Identity())
    layers += [nn.Sigmoid()]
    trace += [repr(layers), repr(layers[1:3]), repr(layers[-1]), len(layers)]
    del layers[1]
    del layers[:2]
    layers[0] = nn.Flatten()
    trace += [
        repr(layers),
        repr(layers.pop(-1)),
        repr(layers),
        repr(layers + nn.ModuleList([nn.ReLU()])),
    ]
    layers.insert(9, nn.Identity())
    trace.append(repr(layers))

    table = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 2)})
    table["c"] = nn.Tanh()
    table.update([["d", nn.Identity()], ("a", nn.Sigmoid())])
    table.update(nn.ModuleDict({"e": nn.ReLU()}))
    trace += [repr(table), list(table), list(table.keys()), "a" in table, "z" in table]
    trace += [repr(table.pop("b")), len(table), [k for k, _ in table.items()]]
    del table["a"]
    trace += [repr(table), [type(m).__name__ for m in table.values()]]
    table.clear()
    trace.append(repr(table))
    return trace


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
def test_lists_and_dictionaries_are_pytorchs():
    for i, (ours, theirs) in enumerate(zip(same(nn), same(torch.nn))):
        assert ours == theirs, f"step {i}"


def test_they_register():
    layers = nn.ModuleList([nn.Linear(2, 2)])
    layers.append(layers[0])
    assert len(list(layers.parameters())) == 2
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert layers.eval()[0].training is False
    with pytest.raises(NotImplementedError, match="ModuleList"):
        layers(1)


def test_errors():
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(IndexError, match="index 1 is out of range"):
        model[1]
    with pytest.raises(IndexError, match="index -2 is out of range"):
        model[-2] = nn.ReLU()
    with pytest.raises(IndexError, match="Index out of range: 3"):
        model.insert(3, nn.ReLU())
    with pytest.raises(TypeError, match="module should be of type"):
        model.insert(0, 3)
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        model.append(3)
    with pytest.raises(TypeError, match="not a Module subclass"):
        nn.Sequential([nn.ReLU()])
    with pytest.raises(TypeError, match="iterable"):
        model.extend(3)
    with pytest.raises(ValueError, match="Sequential class"):
        model + nn.ModuleList([nn.ReLU()])
    with pytest.raises(ValueError, match="Sequential class"):
        model += [nn.ReLU()]
    with pytest.raises(ValueError, match="multiplication factor 0"):
        model * 0
    with pytest.raises(TypeError, match="unsupported operand"):
        model * 1.5
    table = nn.ModuleDict()
    with pytest.raises(KeyError, match="missing"):
        table["missing"]
    with pytest.raises(KeyError, match="missing"):
        del table["missing"]
    with pytest.raises(KeyError, match="'keys' already exists"):
        table["keys"] = nn.ReLU()
    with pytest.raises(TypeError, match="iterable of key/value pairs, but got int"):
        table.update(3)
    with pytest.raises(TypeError, match="#1 should be Iterable; is int"):
        table.update([("a", nn.ReLU()), 3])
    with pytest.raises(ValueError, match="#0 has length 3"):
        table.update([("a", nn.ReLU(), 3)])


# --- parameters ----------------------------------------------------------------------------------


def test_parameter_list():
    values = nn.ParameterList([nn.Parameter(np.zeros(2, np.float32)), "text"])
    values.append(gpunet.Tensor(np.ones((2, 3), np.float32)))
    values += [nn.Parameter(np.zeros(()))]
    assert isinstance(values[2], nn.Parameter)
    assert [name for name, _ in values.named_parameters()] == ["0", "2", "3"]
    assert len(values) == len(list(values)) == 4
    assert values[-1] is values[3]
    assert [type(v).__name__ for v in values[1:3]] == ["str", "Parameter"]
    values[0] = nn.Parameter(np.ones(1))
    assert values.state_dict()["0"].shape == (1,)
    assert repr(values[:2]) == (
        "ParameterList(\n    (0): Parameter containing: [float64 of size 1]\n"
        "    (1): Object of type: str\n)"
    )
    with pytest.raises(IndexError, match="index 4 is out of range"):
        values[4]
    with pytest.raises(TypeError, match="iterable, but got Tensor"):
        values.extend(gpunet.Tensor(np.zeros(2)))
    with pytest.raises(RuntimeError, match="should not be called"):
        values()
    assert "0" not in dir(values)


def test_parameter_dict():
    values = nn.ParameterDict({"b": gpunet.Tensor(np.zeros(2)), "a": nn.Parameter(np.zeros(3))})
    assert list(values) == ["a", "b"]
    values.update(OrderedDict(d=nn.Parameter(np.zeros(1)), c=4))
    values.update([("e", None)])
    assert list(values.keys()) == ["a", "b", "d", "c", "e"]
    assert next(reversed(values)) == "e"
    assert [name for name, _ in values.named_parameters()] == ["a", "b", "d"]
    assert isinstance(values["b"], nn.Parameter)
    assert values.get("z", 7) == 7
    assert values.get("c") == 4
    assert values.setdefault("c", 5) == 4
    assert values.setdefault("f", 5) == 5
    assert values.pop("f") == 5
    assert values.popitem() == ("e", None)
    twin = values.copy()
    assert twin["a"] is values["a"]
    assert list((values | nn.ParameterDict({"x": 1})).keys())[-1] == "x"
    values |= nn.ParameterDict({"y": 1})
    assert "y" in values
    assert len(values) == 5
    del values["a"]
    assert "a" not in values.state_dict()
    assert list(values.fromkeys(["k", "l"], 3).items()) == [("k", 3), ("l", 3)]
    assert [type(v).__name__ for v in values.values()][:1] == ["Parameter"]
    assert repr(nn.ParameterDict({"b": nn.Parameter(np.zeros((2, 3))), "a": 1})) == (
        "ParameterDict(\n    (a): Object of type: int\n"
        "    (b): Parameter containing: [gpunet.Parameter of size 2x3]\n)"
    )
    values.clear()
    assert len(values) == 0
    with pytest.raises(TypeError, match="3 of type int"):
        values[3] = 1
    with pytest.raises(KeyError, match="training"):
        values["training"] = 1
    with pytest.raises(KeyError, match="training"):
        values["training"]
    with pytest.raises(RuntimeError, match="should not be called"):
        values()


# --- a Linear and its activation in one operation ------------------------------------------------


ACTIVATIONS = ["ReLU", "Sigmoid", "Tanh"]


def network(activation="ReLU", bias=True):
    act = getattr(nn, activation)
    return nn.Sequential(nn.Linear(4, 5, bias), act(), nn.Linear(5, 3, bias), act())


def operations(y):
    """The names of the operations that made `y`."""
    found, stack = [], [y.node]
    while stack:
        node = stack.pop()
        if hasattr(node, "function"):
            found.append(node.function.name)
            stack += list(node.edges)
    return found


def gradients(model, x, run):
    x = on_device(x, model[0].weight.device.type, requires_grad=True)
    model.zero_grad()
    y = run(x)
    gpunet.autograd.backward([y], [on_device(np.ones(y.shape, np.float32), y.device.type)])
    return [array_of(y), array_of(x.grad), *(array_of(p.grad) for p in model.parameters())]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 3, 4)])
def test_joined_is_the_same_as_apart(device, activation, bias, shape):
    model = network(activation, bias).to(device)
    x = RNG.standard_normal(shape).astype(np.float32)

    def apart(x):
        for module in model:
            x = module(x)
        return x

    assert operations(model(on_device(x, device))) == ["linear", "linear"]
    assert len(operations(apart(on_device(x, device)))) == 4
    for ours, expected in zip(gradients(model, x, model), gradients(model, x, apart)):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_convolutions_are_joined(device, activation):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        getattr(nn, activation)(),
        nn.Conv2d(4, 2, (1, 2), stride=2, bias=False),
        nn.ReLU(),
    ).to(device)
    x = RNG.standard_normal((2, 3, 5, 4)).astype(np.float32)

    def apart(x):
        for module in model:
            x = module(x)
        return x

    joined = operations(model(on_device(x, device, True)))
    assert len(joined) == len(operations(apart(on_device(x, device, True)))) - 2
    for ours, expected in zip(gradients(model, x, model), gradients(model, x, apart)):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_joined_with_relu(device, training):
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3), nn.Tanh())
    model.to(device).train(training)
    x = RNG.standard_normal((2, 3, 5, 4)).astype(np.float32)
    twin = copy.deepcopy(model)

    def apart(x):
        for module in twin:
            x = module(x)
        return x

    assert operations(model(on_device(x, device, True))) == ["tanh", "batch_norm", "batch_norm"]
    apart(on_device(x, device))
    for ours, expected in zip(gradients(model, x, model), gradients(twin, x, apart)):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    for ours, expected in zip(model.buffers(), twin.buffers(), strict=True):
        np.testing.assert_array_equal(array_of(ours), array_of(expected))
    model[0].register_forward_hook(lambda m, args, y: None)
    assert len(operations(model(on_device(x, device, True)))) == 4


def count(model):
    return len(operations(model(gpunet.Tensor(np.ones((2, 4), np.float32)))))


def test_nothing_is_joined_where_someone_looks():
    model = network()
    model[0].bias.array[...] = -9
    assert count(model) == 2
    seen = []
    handle = model[0].register_forward_hook(lambda m, args, y: seen.append(array_of(y).min()))
    assert count(model) == 3
    assert seen[0] < 0  # before the activation
    handle.remove()
    assert count(model) == 2
    with model[2].register_forward_pre_hook(lambda m, args: None):
        assert count(model) == 3
    assert count(model) == 2
    model[1].forward = lambda x: x * 3
    assert count(model) == 3
    np.testing.assert_array_equal(
        model[:2](gpunet.Tensor(np.ones(4, np.float32))).array,
        3 * model[0](gpunet.Tensor(np.ones(4, np.float32))).array,
    )


def test_only_these_very_classes_are_joined():
    class Mine(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2

    class MyReLU(nn.ReLU):
        pass

    model = nn.Sequential(Mine(4, 4), nn.ReLU(), nn.Linear(4, 4), MyReLU())
    assert count(model) == 5

    class Loud(nn.Linear):
        def __call__(self, x):
            return super().__call__(x) + 1

    layer = Loud(4, 2)
    x = gpunet.Tensor(np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(nn.Sequential(layer)(x).array, layer(x).array)


def test_the_plan_follows_changes():
    model = network()
    assert count(model) == 2
    model[1] = nn.Identity()
    assert count(model) == 2
    model.append(nn.Linear(3, 2))
    assert count(model) == 2
    del model[1]
    assert count(model) == 2
    model.insert(1, nn.ReLU())
    model[0].weight = nn.Parameter(np.zeros((5, 4), np.float32))
    model[0].bias = nn.Parameter(np.full(5, -1, np.float32))
    x = gpunet.Tensor(np.ones((2, 4), np.float32))
    assert count(model) == 2
    np.testing.assert_array_equal(model[:2](x).array, 0)
    model.pop(0)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        model(x)
    del model[:]
    assert model(x) is x


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy])
def test_a_copy_plans_for_itself(duplicate):
    model = network()
    x = gpunet.Tensor(np.ones((2, 4), np.float32))
    y = model(x).array
    twin = duplicate(model)
    np.testing.assert_array_equal(twin(x).array, y)
    if duplicate is copy.deepcopy:
        twin[2].weight.array[...] = 0
        twin[2].bias.array[...] = 5
        np.testing.assert_array_equal(twin(x).array, 5)
        np.testing.assert_array_equal(model(x).array, y)


def test_a_shared_layer():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Tanh())
    assert len(list(model.parameters())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert count(model) == 2
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    found = gradients(model, x, model)
    if torch is not None:
        theirs = torch.nn.Linear(4, 4)
        theirs.load_state_dict({k: torch.tensor(v.array) for k, v in shared.state_dict().items()})
        torch.nn.Sequential(theirs, torch.nn.ReLU(), theirs, torch.nn.Tanh())(
            torch.tensor(x)
        ).sum().backward()
        np.testing.assert_allclose(found[2], theirs.weight.grad.numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[3], theirs.bias.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_batch_norms_are_joined_in_evaluation(device, groups, affine, bias, monkeypatch):
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding="same", groups=groups, bias=bias),
        nn.BatchNorm2d(8, affine=affine),
        nn.ReLU(),
        nn.Conv2d(8, 16, (2, 3), bias=bias),
        nn.BatchNorm2d(16, affine=affine),
    ).to(device)
    x = on_device(RNG.standard_normal((3, 4, 6, 5)).astype(np.float32), device)
    gpunet.manual_seed(0)
    with gpunet.no_grad():
        for parameter in model.parameters():
            parameter.copy_(gpunet.randn_like(parameter))
    for _ in range(3):  # for statistics of some size
        model(x * 2 + 1)
    model.eval()
    with_tape = model(x)
    assert "batch_norm" in operations(with_tape)

    def refused(*arguments, **options):
        raise AssertionError("a batch norm by itself")

    with gpunet.no_grad():
        monkeypatch.setattr(nn.BatchNorm2d, "activated", refused)
        joined = model(x)
    assert joined.node is None
    assert joined.array.min() < 0  # no ReLU at the end
    np.testing.assert_allclose(array_of(joined), array_of(with_tape), rtol=1e-4, atol=1e-5)


def test_what_a_joined_batch_norm_refuses(device):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(8)).to(device).eval()
    x = on_device(np.zeros((1, 3, 5, 5), np.float32), device)
    with gpunet.no_grad():
        with pytest.raises(RuntimeError, match="should contain 4 elements"):
            model(x)
        with pytest.raises(ValueError, match="expected 4D input"):
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(device).eval()(x[0])
        with pytest.raises(RuntimeError, match="must share the same dtype"):
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).double()).to(device).eval()(x)
