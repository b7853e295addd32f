"""What happens between the calls of a compiled step counts as it does without compiling."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from compilecheck import batch, check_compiled, data, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy


def trained(act, *, calls=12, replays=4, make=small_mlp, inside=True):
    """A scenario of training steps; ``act(i, model, optimizer, step)`` is called before step i."""

    def scenario(compile):
        model = make()
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        def step(x, y):
            if inside:
                optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        compiled = compile(step)
        for i in range(calls):
            act(i, model, optimizer, step)
            dtype = next(model.parameters()).dtype
            x, y = batch(i)
            yield compiled(x.to(dtype), y), model, optimizer

    check_compiled(scenario, replays=replays)


def at(*numbers):
    """Only before these steps."""

    def decorate(act):
        return lambda i, *rest: act(*rest) if i in numbers else None

    return decorate


def test_seeding():
    @at(4, 5, 8)
    def act(model, optimizer, step):
        gpunet.manual_seed(7)

    trained(act)


def test_drawing_random_numbers():
    @at(3, 5, 6)
    def act(model, optimizer, step):
        gpunet.rand(100)

    trained(act)


def test_restoring_the_state_of_random_numbers():
    state = {}

    def act(i, model, optimizer, step):
        if i == 4:
            state.update(gpunet.get_rng_state())
        if i == 7:
            gpunet.set_rng_state(dict(state))

    trained(act)


def test_loading_a_state():
    def act(i, model, optimizer, step):
        if i == 6:
            model.load_state_dict({k: v * 0.5 for k, v in model.state_dict().items()})
            state = optimizer.state_dict()
            state["param_groups"][0]["lr"] = 0.1
            optimizer.load_state_dict(state)

    trained(act)


def test_another_dtype_and_back():
    def act(i, model, optimizer, step):
        if i == 5:
            model.double()
        if i == 8:
            model.float()

    trained(act, calls=14)


def test_learning_rate_by_hand():
    def act(i, model, optimizer, step):
        optimizer.param_groups[0]["lr"] = 0.01 * (i % 3)
        optimizer.param_groups[0]["weight_decay"] = 0.1 * i

    trained(act)


def test_another_parameter_group():
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.SGD(model[3].parameters(), lr=0.1, momentum=0.9)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for i in range(14):
            if i == 5:
                optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 0.01})
            yield step(*batch(i)), model, optimizer

    check_compiled(scenario, spoilt=False)


def test_parameter_is_replaced():
    def act(i, model, optimizer, step):
        if i == 5:
            model[3].bias = nn.Parameter(gpunet.ones(3))
        if i == 8:
            model[3].bias = None

    trained(act)


def test_module_is_replaced_added_and_deleted():
    def act(i, model, optimizer, step):
        if i == 4:
            model[2] = nn.Tanh()
        if i == 6:
            model.append(nn.Linear(3, 3))
        if i == 10:
            del model[4]

    trained(act, calls=14)


def test_hooks_come_and_go():
    handles = []

    def act(i, model, optimizer, step):
        if i == 4:
            handles.append(model[1].register_forward_hook(lambda module, args, y: y * 2))
        if i == 8:
            handles.pop().remove()

    trained(act)


def test_hooks_on_a_parameter_come_and_go():
    handles = []

    def act(i, model, optimizer, step):
        if i == 4:
            handles.append(model[0].weight.register_hook(lambda gradient: gradient * 2))
        if i == 8:
            handles.pop().remove()

    trained(act)


def test_training_and_evaluation():
    def act(i, model, optimizer, step):
        model.train(i % 3 != 2)
        if i > 8:
            model[2].eval()

    trained(act, calls=16)


def test_values_are_changed_in_place():
    def act(i, model, optimizer, step):
        with gpunet.no_grad():
            model[0].weight.mul_(0.9)
            model[0].weight.data[0] = 1
            model[3].bias.array[...] += 0.1

    trained(act)


def test_data_is_set():
    def act(i, model, optimizer, step):
        if i in (4, 8):
            model[0].weight.data = model[0].weight.data * 0.9

    trained(act)


def test_eager_steps():
    def act(i, model, optimizer, step):
        if i in (1, 4, 5, 9):
            step(*batch(50 + i))

    trained(act)


def test_gradients_are_cleared_outside():
    trained(lambda i, model, optimizer, step: optimizer.zero_grad(), inside=False)
    trained(lambda i, model, optimizer, step: model.zero_grad(), inside=False)
    trained(lambda i, model, optimizer, step: optimizer.zero_grad(False), inside=False)


def test_number_of_threads():
    before = gpunet.get_num_threads()

    def act(i, model, optimizer, step):
        gpunet.set_num_threads(1 + i % 2)

    try:
        trained(act)
    finally:
        gpunet.set_num_threads(before)


def test_optimiser_is_replaced():
    """A step that finds its optimiser by a name finds the new one."""

    def scenario(compile):
        model = small_mlp()
        optimizers = [optim.Adam(model.parameters(), lr=0.01)]

        @compile
        def step(x, y):
            optimizers[0].zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizers[0].step()
            return loss

        for i in range(10):
            if i == 5:
                optimizers[0] = optim.SGD(model.parameters(), lr=0.1)
            yield step(*batch(i)), model

    check_compiled(scenario)


def test_copies_of_what_was_compiled():
    """Deep copies are made and trained on; nothing of the recording is left on the copies."""

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

        for i in range(8):
            loss = step(*batch(i))
            twin, rate = copy.deepcopy((model, optimizer))
            assert all(type(p.array) is np.ndarray for p in twin.parameters())
            cross_entropy(twin(data(8, 5, seed=i)), batch(i)[1]).backward()
            rate.step()
            yield loss, model, optimizer, twin, rate

    check_compiled(scenario)


@pytest.mark.parametrize("mode", [gpunet.no_grad, gpunet.enable_grad, gpunet.inference_mode])
def test_two_functions_of_one_model(mode):
    def scenario(compile):
        model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Dropout(0.2), nn.Linear(7, 3))
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            model.train()
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        @compile
        def evaluate(x):
            model.eval()
            return model(x).argmax(1), model.training

        for i in range(10):
            yield step(*batch(i)), model, optimizer
            if i % 2:
                with mode():
                    yield evaluate(data(5, 5, seed=i)), model

    check_compiled(scenario, replays=8)
