"""Nested states there and back, and what is no state."""

from __future__ import annotations

import json
import math
import struct
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from opcheck import array_of, on_device

import gpunet
from gpunet import nn, optim
from gpunet.io import load_file, load_metadata, load_state, save_file, save_state
from gpunet.optim import lr_scheduler


def assert_same(back, value):
    """Equal to the last bit, of the same types and in the same order."""
    if isinstance(value, dict):
        assert type(back) is dict
        assert [(type(k), k) for k in back] == [(type(k), k) for k in value]
        for key in value:
            assert_same(back[key], value[key])
    elif isinstance(value, list | tuple):
        assert type(back) is type(value)
        assert len(back) == len(value)
        for one, other in zip(back, value):
            assert_same(one, other)
    elif isinstance(value, gpunet.Tensor):
        assert type(back) is gpunet.Tensor
        assert back.device == value.device
        assert_same(array_of(back), array_of(value))
    elif isinstance(value, np.ndarray | np.generic):
        assert type(back) is type(value)
        native = value.dtype.newbyteorder("=")
        assert (back.dtype, back.shape) == (native, value.shape)
        assert back.tobytes() == value.astype(native).tobytes()
    elif isinstance(value, float):
        assert type(back) is float
        assert struct.pack(">d", back) == struct.pack(">d", value)
    else:
        assert type(back) is type(value)
        assert back == value


def back_and_forth(value, tmp_path, device="cpu"):
    path = tmp_path / "state.safetensors"
    save_state(value, path, "checkpoint")
    return load_state(path, "checkpoint", device)


GRID = np.arange(24, dtype=np.float32).reshape(4, 6)
NAN_WITH_PAYLOAD = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
VALUES = {
    "none": None,
    "bools": [True, False],
    "ints": [0, -1, 2**200, -(2**64)],
    "floats": [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, math.pi],
    "not finite": (math.inf, -math.inf, math.nan, NAN_WITH_PAYLOAD),
    "text": ["", "a\x00b", "Größe ✓ 😀", "\ud800", '"\\', "$tensor"],
    "tuples": ((), (1, (2, [3, ()]))),
    "empty": [{}, [], ()],
    "int keys": {0: "a", -3: "b", 10: "c"},
    "mixed keys": {"0": 1, 0: 2, "": 3},
    "keys like marks": [{"$tensor": "x"}, {"$tuple": [1]}, {"$": 1, "a": 2}],
    "numpy scalars": [np.float64(math.nan), np.float32(0.1), np.int8(-3), np.bool_(True)],
    "0-d": np.array(2.5, np.float16),
    "0-d int": np.array(-7),
    "no elements": np.zeros((0, 3), np.int32),
    "fortran": np.asfortranarray(GRID),
    "transposed": GRID.T,
    "strided": GRID[::2, ::-3],
    "broadcast": np.broadcast_to(GRID[0], (3, 6)),
    "big-endian": GRID.astype(">f8"),
    "big-endian scalar": np.array([1], ">i4")[0],
    "nan array": np.array([math.nan, -math.nan, math.inf, -0.0]),
    "alone": np.arange(3),
    "names that collide": {"a": {"b": np.zeros(1)}, "a.b": np.ones(2), "a.b~2": np.ones(3)},
    "names of the format": {"__metadata__": np.ones(2), "\ud800": np.ones(3), "": np.ones(4)},
}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_comes_back(name, tmp_path):
    assert_same(back_and_forth(VALUES[name], tmp_path), VALUES[name])


@pytest.mark.parametrize("dtype", "?bBhHiIlLefdF")
def test_every_dtype_comes_back(dtype, tmp_path):
    array = np.array([[0, 1, 2]]).astype(dtype)
    value = [array, array[0, 1], np.array(array[0, 2]), gpunet.tensor(GRID)]
    assert_same(back_and_forth(value, tmp_path), value)


def test_subclasses_come_back_as_the_plain_class(tmp_path):
    value = [OrderedDict(b=1, a=2), defaultdict(dict, {1: 2})]
    assert_same(back_and_forth(value, tmp_path), [{"b": 1, "a": 2}, {1: 2}])


def test_tensors_go_to_the_device_and_numpy_arrays_stay(device, tmp_path):
    there = on_device(GRID, device, requires_grad=True)
    value = {"tensor": there, "rows": np.arange(3), "raw": there.array}
    back = back_and_forth(value, tmp_path, device)
    assert_same(back["tensor"], there)
    assert not back["tensor"].requires_grad
    assert_same(back["rows"], np.arange(3))
    assert type(back["raw"]) is type(there.array)
    np.testing.assert_array_equal(array_of(gpunet.Tensor(back["raw"])), GRID)


def test_what_is_loaded_can_be_changed(tmp_path):
    back = back_and_forth({"a": GRID, "t": gpunet.tensor(GRID)}, tmp_path)
    back["a"][0, 0] = back["t"].array[0, 0] = 5
    assert GRID[0, 0] == 0


def test_arrays_are_named_after_their_path(tmp_path):
    path = tmp_path / "x.safetensors"
    state = {"model": {"0.weight": GRID}, "optimizer": {"state": {0: {"step": np.array(1.0)}}}}
    save_state(state, path, "checkpoint")
    assert sorted(load_file(path)) == ["model.0.weight", "optimizer.state.0.step"]
    assert load_metadata(path)["gpunet.kind"] == "checkpoint"


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"amsgrad": True},
    "Adagrad": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "LBFGS": {},
}


def trained(name, steps):
    gpunet.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = getattr(optim, name)(model.parameters(), **OPTIMIZERS.get(name, {}))
    go_on(model, optimizer, steps)
    return model, optimizer


def go_on(model, optimizer, steps):
    X = gpunet.tensor(np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3))

    def closure():
        optimizer.zero_grad()
        loss = (model(X) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)


CLASSES = [
    name
    for name in optim.__all__
    if isinstance(getattr(optim, name), type)
    and issubclass(getattr(optim, name), optim.Optimizer)
    and name != "Optimizer"
]


@pytest.mark.parametrize("name", CLASSES)
def test_every_optimizer_goes_on_as_if_nothing_had_been(name, tmp_path):
    model, optimizer = trained(name, 3)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    back = back_and_forth(state, tmp_path)
    assert_same(back, {**state, "model": dict(state["model"])})

    again, its_optimizer = trained(name, 0)
    again.load_state_dict(back["model"])
    its_optimizer.load_state_dict(back["optimizer"])
    for one, its in ((model, optimizer), (again, its_optimizer)):
        go_on(one, its, 2)
    for key, tensor in model.state_dict().items():
        assert_same(again.state_dict()[key], tensor)


SCHEDULERS = {
    "StepLR": {"step_size": 2},
    "MultiStepLR": {"milestones": [1, 3]},
    "ConstantLR": {},
    "LinearLR": {},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {},
    "CosineAnnealingLR": {"T_max": 4},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": 10},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0},
    "LambdaLR": {"lr_lambda": lambda epoch: 0.5**epoch},
    "MultiplicativeLR": {"lr_lambda": lambda epoch: 0.9},
    "ReduceLROnPlateau": {},
    "ChainedScheduler": None,
    "SequentialLR": None,
}


def scheduler_of(name):
    optimizer = optim.SGD([gpunet.ones(2)], lr=0.5, momentum=0.9)
    parts = [lr_scheduler.ConstantLR(optimizer), lr_scheduler.StepLR(optimizer, 2)]
    if name == "ChainedScheduler":
        return lr_scheduler.ChainedScheduler(parts)
    if name == "SequentialLR":
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])
    return getattr(lr_scheduler, name)(optimizer, **SCHEDULERS[name])


@pytest.mark.parametrize("name", [n for n in lr_scheduler.__all__ if n != "LRScheduler"])
def test_every_scheduler_comes_back(name, tmp_path):
    scheduler = scheduler_of(name)
    scheduler.optimizer.step()
    for _ in range(3):
        scheduler.step(*([0.5] if name == "ReduceLROnPlateau" else []))
    state = scheduler.state_dict()
    back = back_and_forth(state, tmp_path)
    assert_same(back, state)
    scheduler_of(name).load_state_dict(back)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | arrays_of.arrays(
        st.sampled_from(["<f4", ">f8", "<i8", ">u2", "?", "<f2"]),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    )
)
KEYS = st.text(max_size=4) | st.integers() | st.sampled_from(["$tuple", "a.b", "__metadata__"])
STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=STRUCTURES)
def test_any_structure_comes_back(value, tmp_path_factory):
    assert_same(back_and_forth(value, tmp_path_factory.getbasetemp()), value)


def test_files_that_are_not_the_state_asked_for(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": GRID}, path)
    with pytest.raises(ValueError, match=r"x\.safetensors is a .* tensors alone, not a checkpoint"):
        load_state(path, "checkpoint")
    save_state([1], path, "vocabulary")
    with pytest.raises(ValueError, match=r"x\.safetensors is a vocabulary, not a checkpoint"):
        load_state(path, "checkpoint")
    parts = {"gpunet.kind": "checkpoint", "gpunet.format": "2", "gpunet.state": "[]"}
    save_file({}, path, parts)
    with pytest.raises(ValueError, match=r"x\.safetensors: this checkpoint has format 2, where"):
        load_state(path, "checkpoint")
    with pytest.raises(FileNotFoundError, match="absent"):
        load_state(tmp_path / "absent", "checkpoint")


@pytest.mark.parametrize(
    "tree",
    [
        None,
        "",
        "[",
        "[" * 100_000,
        '{"$tensor":"absent"}',
        '{"$tensor":[]}',
        '{"$scalar":{}}',
        '{"$float":"00"}',
        '{"$float":"zz"}',
        '{"$float":3}',
        '{"$tuple":3}',
        '{"$dict":[[1]]}',
        '{"$dict":[[[],1]]}',
        '{"$later":1}',
    ],
)
def test_a_tree_that_is_none(tree, tmp_path):
    path = tmp_path / "x.safetensors"
    parts = {"gpunet.kind": "checkpoint", "gpunet.format": "1", "gpunet.state": tree}
    save_file({}, path, {key: text for key, text in parts.items() if text is not None})
    with pytest.raises(ValueError, match=r"x\.safetensors is not a whole checkpoint"):
        load_state(path, "checkpoint")


def test_bad_values_are_refused_by_place(tmp_path):
    path = tmp_path / "x.safetensors"

    def refused(error, message, value):
        with pytest.raises(error, match=message):
            save_state(value, path, "checkpoint")

    refused(TypeError, r"state\['a'\]\['1'\]: expected a tensor.*got set", {"a": [0, {3}]})
    refused(TypeError, r"state\['a'\]: expected keys of type str or int, got 1.5", {"a": {1.5: 0}})
    refused(TypeError, "got True of type bool", {True: 0})
    refused(TypeError, "got None of type NoneType", {None: 0})
    refused(TypeError, "got complex", [1j])
    refused(TypeError, "got bytes", b"")
    refused(ValueError, "cannot be written: .*complex128", {"a": np.zeros(2, complex)})
    refused(ValueError, "cannot be written: .*object", {"a": np.array([None])})
    loop: list = []
    loop.append({"x": loop})
    refused(ValueError, r"state\['0'\]\['x'\].*contains itself", loop)
    assert list(tmp_path.iterdir()) == []


def test_the_text_is_strict_json(tmp_path):
    path = tmp_path / "x.safetensors"
    save_state({"a": [math.nan, 1e300]}, path, "checkpoint")

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(load_metadata(path)["gpunet.state"], parse_constant=refuse)
