"""What compiled functions take and return."""

from __future__ import annotations

import copy
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from compilecheck import batch, check_compiled, data, labels, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy

Pair = namedtuple("Pair", "first second")


def calls(function, arguments, **options):
    """Compare a function of the arguments in turn."""

    def scenario(compile):
        compiled = compile(gpunet.no_grad()(function))
        for args in arguments:
            yield compiled(*args) if isinstance(args, tuple) else compiled(**args)

    check_compiled(scenario, **options)


def test_several_shapes_in_turn():
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for i in range(16):
            yield step(*batch(i, 3 if i % 5 == 4 else 8 - i % 2)), model, optimizer

    check_compiled(scenario, replays=8)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_dtypes(dtype):
    make = [np.random.default_rng(i).integers(0, 5, (3, 4)).astype(dtype) for i in range(5)]
    calls(
        lambda x: (x + 1, x.sum(0), x.float().softmax(1), x == 2, x.max()),
        [(gpunet.from_numpy(a),) for a in make],
    )


def test_dtypes_in_turn():
    calls(
        lambda x: x * 2 + 1,
        [(data(3, seed=i).to([gpunet.float32, gpunet.float64][i % 2]),) for i in range(10)],
    )


def test_structures():
    def function(x, *rest, scale, more):
        a, (b, c) = x["a"], x["b"]
        return {
            "list": [a * scale, (b + c,)],
            "pair": Pair(more.first - more.second, None),
            "ordered": OrderedDict(text="text", number=3, tensor=a + rest[0]),
        }

    def arguments(i):
        a, b, c, d = (data(2, 3, seed=10 * i + k) for k in range(4))
        return {"x": {"a": a, "b": [b, c]}, "scale": d, "more": Pair(a, d)}

    def scenario(compile):
        compiled = compile(function)
        for i in range(6):
            kwargs = arguments(i)
            result = compiled(kwargs.pop("x"), data(3, seed=i), **kwargs)
            assert type(result["pair"]) is Pair
            assert type(result["ordered"]) is OrderedDict
            yield result

    check_compiled(scenario)


def test_arrays_in_and_out():
    calls(
        lambda x: (gpunet.from_numpy(x) * 2, gpunet.tensor([1.0, 2.0]) + gpunet.as_tensor(x[0])),
        [(np.random.default_rng(i).standard_normal((3, 2)),) for i in range(6)],
    )


def test_arithmetic_of_arrays_is_recorded():
    calls(
        lambda x: (
            gpunet.from_numpy(x * 2),
            gpunet.from_numpy(x.astype("float64")),
            gpunet.tensor(x.sum()),
            gpunet.where(gpunet.from_numpy(x > 1), 1, 2),
            gpunet.arange(10)[x.astype(int)],
            gpunet.stack([gpunet.as_tensor(a) for a in x]),
            np.stack([x, np.exp(x)]),
        ),
        [(np.float32([i, i + 1, i + 2]),) for i in range(6)],
    )


W = data(4, 4, seed=1) * 0.3
V = data(4, 4, seed=2) * 0.3


@pytest.mark.parametrize("n", [5, 5000])
@pytest.mark.parametrize(
    "function",
    [
        lambda h: (h @ W, h @ V),
        lambda h: (nn.functional.linear(h, W), nn.functional.linear(h, V)),
        lambda h: (nn.functional.layer_norm(h, (4,)), h @ V),
        lambda h: (((h @ W) * 1) @ V, h @ V),
        lambda h: ((h * 2).T.contiguous().T, h.softmax(1)),
        lambda h: (h.view(-1).relu().view(-1, 4), h.sum(1)),
    ],
)
def test_a_result_as_the_next_input(function, n):
    def scenario(compile):
        compiled = compile(function)
        h = data(n, 4)
        for _ in range(6):
            h, other = compiled(h)
            yield h, other
        for i in range(3):  # a view of it, and others in between
            h, other = compiled(h[:])
            yield h, other
            kept = h.clone()
            yield compiled(data(n, 4, seed=i))
            h, other = compiled(kept)
            yield h, other

    check_compiled(scenario, spoilt=False)


def test_numbers_texts_and_none():
    calls(
        lambda x, factor, kind=None: x * factor if kind is None else getattr(x, kind)() + factor,
        [
            (data(3, seed=i), [2, 2.0, True, 0.5][i % 4], [None, "exp", "neg"][i % 3])
            for i in range(40)
        ],
        replays=10,
    )


def test_not_contiguous_and_channels_last():
    def inputs(i):
        x = data(4, 6, 8, 5, seed=i)
        return [
            x.permute(0, 2, 1, 3),
            x[:, ::2],
            x.contiguous(memory_format=gpunet.channels_last),
            x[:1].expand(4, -1, -1, -1),
            x.flip(0),
            gpunet.from_numpy(np.asfortranarray(x.numpy())),
        ]

    with gpunet.no_grad():
        conv = nn.Conv2d(6, 3, 3, padding=1)
        for k in range(6):
            calls(
                lambda x: (x * 2 + x.sum(1, keepdim=True), conv(x) if x.shape[1] == 6 else x),
                [(inputs(i)[k],) for i in range(5)],
            )


def test_strides_are_kept():
    def scenario(compile):
        compiled = compile(lambda x: (x.relu(), x.clone()))
        for i in range(5):
            result = compiled(data(2, 3, 4, seed=i).permute(2, 0, 1))
            yield result, [x.stride() for x in result]

    check_compiled(scenario)


def test_one_tensor_twice():
    def scenario(compile):
        compiled = compile(lambda a, b: (a * b, a - b))
        for i in range(6):
            x = data(3, seed=i)
            yield compiled(x, x)
        for i in range(6):
            yield compiled(data(3, seed=i), data(3, seed=i + 1))

    check_compiled(scenario, replays=8)


def test_views_of_one_memory():
    memory = data(100)
    calls(lambda a, b: a + b, [(memory[i : i + 50], memory[2 * i : 2 * i + 50]) for i in range(6)])


def test_input_that_is_an_output():
    calls(lambda x, y: (x, x + y, [y]), [(data(3, seed=i), data(3, seed=9 + i)) for i in range(6)])


def test_outputs_that_are_views_of_each_other():
    calls(
        lambda x: (x * 2, (x * 2).view(6), (x + 1).view(3, 2)[1:], x.T, x[0]),
        [(data(2, 3, seed=i),) for i in range(6)],
    )


def test_output_that_is_a_parameter_or_its_gradient():
    def scenario(compile):
        model = small_mlp()

        @compile
        def step(x, y):
            model.zero_grad()
            cross_entropy(model(x), y).backward()
            with gpunet.no_grad():
                model[0].weight -= model[0].weight.grad
            return model[0].weight, model[0].weight.grad

        for i in range(6):
            weight, gradient = step(*batch(i))
            assert weight is model[0].weight
            yield weight, gradient, model

    check_compiled(scenario)


def test_empty_tensors_and_tensors_without_axes():
    calls(lambda x: (x + 1, x.sum(), x.exp()), [(gpunet.zeros(0, 3),)] * 5)
    calls(lambda x: (x + 1, x.sum(), x * x), [(gpunet.tensor(float(i)),) for i in range(6)])


def test_nothing_given_and_nothing_returned():
    def scenario(compile):
        total = gpunet.zeros(3)

        @compile
        def step():
            total.add_(1)

        for _ in range(5):
            yield step(), total

    check_compiled(scenario)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1),
        lambda x: x.relu_().mul_(2),
        lambda x: x.view(-1).copy_(gpunet.arange(12)),
        lambda x: x[1:].zero_(),
        lambda x: x.T.copy_((x @ W).T),
    ],
)
def test_inputs_that_are_changed_in_place(change):
    def scenario(compile):
        state = data(3, 4, seed=5)

        @compile
        def step(x, state):
            y = x @ W
            state.lerp_(y, 0.5)
            change(x)
            return x.sum()

        for i in range(6):
            x = data(3, 4, seed=i)
            yield step(x, state), x, state

    check_compiled(scenario)


def test_tensors_of_other_kinds():
    @dataclass
    class Mine:
        x: gpunet.Tensor

    compiled = gpunet.compile(lambda mine: mine.x * 2)
    held = Mine(gpunet.tensor([1.0]))
    for i in range(4):
        held.x.fill_(i)
        assert compiled(held).tolist() == [2.0 * i]


def test_embedding_bags_of_changing_lengths():
    table = nn.Embedding(11, 4)

    def scenario(compile):
        compiled = compile(gpunet.no_grad()(lambda x, mask: (table(x) * mask[..., None]).sum(1)))
        for i in range(12):
            x = labels((3, 4 + i % 3), 11, i)
            yield compiled(x, (x > 2).float())

    check_compiled(scenario)


def test_decorator_with_and_without_arguments_and_methods():
    class Model:
        def __init__(self):
            self.scale = gpunet.tensor(2.0)

        def run(self, x):
            """Doubles."""
            return x * self.scale

    @gpunet.compile(fallback=True)
    def double(x):
        """Doubles."""
        return x * 2

    run = gpunet.compile(Model().run)
    for function in (double, run):
        assert function.__doc__ == "Doubles."
        for i in range(4):
            assert function(gpunet.tensor(float(i))).item() == 2 * i
    assert double.__name__ == "double"
    with pytest.raises(TypeError, match="expected a function, got int"):
        gpunet.compile(3)


def test_module_keeps_its_methods():
    model = gpunet.compile(small_mlp())
    assert len(list(model.parameters())) == 4
    assert not model.eval().training
    assert set(copy.deepcopy(model.state_dict())) == set(model.state_dict())
