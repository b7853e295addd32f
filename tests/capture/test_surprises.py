"""What may surprise users of `gpunet.compile`, each as a test of what happens."""

from __future__ import annotations

import numpy as np
from compilecheck import batch, data, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy, dropout


def number(x):
    return gpunet.tensor(float(x))


def test_a_returned_tensor_is_overwritten_by_the_next_replay():
    """Clone what is to be kept."""
    double = gpunet.compile(lambda x: x * 2)
    results = [double(number(i)) for i in range(5)]
    assert [r.item() for r in results] == [0, 8, 8, 8, 8]
    assert [double(number(i)).clone().item() for i in range(5)] == [0, 2, 4, 6, 8]


def test_the_very_same_tensor_is_returned_by_each_replay():
    """Results are compared by value, not by identity."""
    double = gpunet.compile(lambda x: x * 2)
    first, *others = [double(number(i)) for i in range(4)]
    assert first is not others[0]
    assert others[1] is others[0]
    assert others[2] is others[0]


def test_losses_that_are_gathered_in_a_list_are_all_the_last():
    """``losses.append(step(x, y))`` needs ``.item()``, ``.clone()`` or a sum."""
    square = gpunet.compile(lambda x: (x * x).sum())
    losses = [square(number(i)) for i in range(6)]
    assert [x.item() for x in losses[1:]] == [25] * 5
    total = gpunet.zeros(())
    for i in range(6):
        total = total + square(number(i))
    assert total.item() == 55


def test_shapes_have_results_of_their_own():
    """A call with another shape leaves the results of this one alone."""
    double = gpunet.compile(lambda x: x * 2)
    for i in range(4):
        one, two = double(gpunet.full((2,), i)), double(gpunet.full((3,), i + 1))
    assert one.tolist() == [6, 6]
    assert two.tolist() == [8, 8, 8]


def test_a_python_number_is_frozen():
    """What the function finds outside stays what it was in the second call."""
    scale = 1.0
    scaled = gpunet.compile(lambda x: x * scale)
    results = []
    for _ in range(4):
        results.append(scaled(number(1)).item())
        scale += 1
    assert results == [1, 2, 2, 2]


def test_a_python_number_that_is_given_is_not():
    """Each value has a recording of its own; a tensor needs one for all."""
    scaled = gpunet.compile(lambda x, scale: x * scale)
    for scale in (1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0):
        assert scaled(number(5), scale).item() == 5 * scale
        assert scaled(number(5), number(scale)).item() == 5 * scale


def test_a_counter_counts_two_calls():
    """Printing, appending and counting happen in the calls that run Python."""
    calls, seen = 0, []

    @gpunet.compile
    def step(x):
        nonlocal calls
        calls += 1
        seen.append("step")
        return x + calls

    assert [step(number(0)).item() for _ in range(5)] == [1, 2, 2, 2, 2]
    assert calls == len(seen) == 2


def test_each_new_shape_runs_python_twice_again():
    """A shape's first call is eager, its second is recorded."""
    calls = []

    @gpunet.compile
    def step(x):
        calls.append(len(x))
        return x + 1

    for n in (2, 2, 2, 3, 2, 3, 3, 2):
        step(gpunet.zeros(n))
    assert calls == [2, 2, 3, 3]


def test_a_condition_on_a_python_value_is_decided_once():
    """A branch on what is no argument is that of the second call."""
    warm = False
    step = gpunet.compile(lambda x: x * 100 if warm else x)
    results = [step(number(1)).item() for _ in range(2)]
    warm = True
    assert [*results, step(number(1)).item()] == [1, 1, 1]


def test_state_that_is_assigned_is_not_carried():
    """``self.h = h`` keeps each replay at the state of the recording; ``copy_`` carries it."""

    class Sum:
        def __init__(self):
            self.total = number(0)

        def assign(self, x):
            self.total = self.total + x
            return self.total

        def copy(self, x):
            self.total.copy_(self.total + x)
            return self.total

    def totals(name):
        add = gpunet.compile(getattr(Sum(), name))
        return [add(number(1)).item() for _ in range(5)]

    assert totals("assign") == [1, 2, 2, 2, 2]
    assert totals("copy") == [1, 2, 3, 4, 5]


def test_state_that_is_given_and_returned_is_carried():
    """A state may also go in and out: a result is a proper input of the next call."""
    add = gpunet.compile(lambda total, x: total + x)
    total = number(0)
    for i in range(6):
        total = add(total, number(i))
    assert total.item() == 15


def test_what_numpy_computes_of_arrays_from_outside_is_frozen():
    """An array that is no argument: tensors made of it follow it, what NumPy makes does not."""
    table = np.zeros(2, np.float32)
    step = gpunet.compile(lambda: (gpunet.tensor(table) + 0, gpunet.tensor(table + 0)))
    for i in range(5):
        table[:] = i
        followed, frozen = step()
    assert followed.tolist() == [4, 4]
    assert frozen.tolist() == [1, 1]


def test_numbers_of_numpy_and_of_python_are_frozen():
    """So is everything that is not computed with gpunet's tensors: the clock, random numbers."""
    generator = np.random.default_rng(0)
    step = gpunet.compile(lambda x: x + float(generator.random()))
    results = [step(number(0)).item() for _ in range(5)]
    assert len(set(results)) == 2
    assert results[1] == results[4]


def test_gpunets_own_random_numbers_are_not():
    """Each replay draws new ones."""
    step = gpunet.compile(lambda x: dropout(x, 0.5))
    results = [tuple(step(gpunet.ones(64)).tolist()) for _ in range(6)]
    assert len(set(results)) == 6


def test_a_gradient_that_somebody_holds_is_overwritten():
    """Eager steps leave it alone and take other memory."""
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (model(x) ** 2).sum().backward()
        optimizer.step()

    compiled = gpunet.compile(step)
    for run, alike in ((step, False), (compiled, True)):
        for i in range(4):
            run(data(3, 2, seed=i))
        held = model.weight.grad
        before = held.clone()
        run(data(3, 2, seed=9))
        run(data(3, 2, seed=10))
        assert (held.tolist() != before.tolist()) is alike


def test_the_learning_rate_is_the_present_one():
    """No surprise: optimisers and schedulers run as they always do."""
    p = gpunet.zeros(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    @gpunet.compile
    def step():
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()
        scheduler.step()

    for _ in range(4):
        step()
    assert p.item() == -(1 + 0.5 + 0.25 + 0.125)
    optimizer.param_groups[0]["lr"] = 8.0
    step()
    assert p.item() == -(1 + 0.5 + 0.25 + 0.125) - 8


def test_the_learning_rate_of_a_step_by_hand_is_frozen():
    """Without an optimiser it is a Python number like any other: make it a tensor."""
    rate, tensor = 1.0, number(1)
    p, q = number(0), number(0)
    step = gpunet.compile(lambda: (p.sub_(rate), q.sub_(tensor)))
    for rate in (1.0, 2.0, 3.0):
        tensor.fill_(rate)
        step()
    assert p.item() == -(1 + 2 + 2)
    assert q.item() == -(1 + 2 + 3)


def test_a_name_that_is_given_another_tensor_keeps_the_first():
    """Closures, globals and attributes are looked up in the calls that run Python."""
    table = number(1)
    step = gpunet.compile(lambda x: x + table)
    for _ in range(3):
        step(number(0))
    table = number(5)
    assert step(number(0)).item() == 1
    table = number(1)


def test_a_parameter_that_is_replaced_in_its_module_is_found():
    """Modules tell when they get other parameters, children or hooks."""
    model = nn.Linear(1, 1)
    step = gpunet.compile(gpunet.no_grad()(model))
    for _ in range(3):
        step(gpunet.zeros(1, 1))
    model.bias = nn.Parameter(gpunet.ones(1) * 5)
    assert step(gpunet.zeros(1, 1)).item() == 5


def test_an_attribute_of_a_module_is_frozen():
    """Numbers of a module, such as the rate of a dropout, are Python numbers."""
    layer = nn.Dropout(0.0)
    step = gpunet.compile(layer)
    for _ in range(3):
        step(gpunet.ones(8))
    layer.p = 1.0
    assert step(gpunet.ones(8)).tolist() == [1] * 8
    layer.eval()
    assert step(gpunet.ones(8)).tolist() == [1] * 8


def test_training_and_evaluation_are_told_apart():
    """No surprise: ``model.eval()`` before a call counts."""
    layer = nn.Dropout(1.0)
    step = gpunet.compile(layer)
    for _ in range(4):
        assert step(gpunet.ones(2)).tolist() == [0, 0]
        layer.eval()
        assert step(gpunet.ones(2)).tolist() == [1, 1]
        layer.train()


def test_hooks_are_not_called_by_a_replay():
    """What a hook computes is recorded; what it does besides happens in two calls."""
    seen = []
    model = small_mlp()
    model[0].register_forward_hook(lambda module, args, output: seen.append(1))

    @gpunet.compile
    def step(x, y):
        model.zero_grad()
        cross_entropy(model(x), y).backward()

    for i in range(6):
        step(*batch(i))
    assert len(seen) == 2


def test_an_error_that_the_step_catches_is_not_caught_again():
    """Exceptions are part of Python, too."""
    tries = []

    @gpunet.compile
    def step(x):
        try:
            tries.append(1)
            raise ValueError
        except ValueError:
            return x + 1

    for i in range(5):
        assert step(number(i)).item() == i + 1
    assert len(tries) == 2


def test_a_tensor_that_the_step_keeps_is_the_recordings():
    """``self.hidden = h`` for a look at it later shows the last replay, as a result does."""
    kept = {}

    @gpunet.compile
    def step(x):
        kept["h"] = x * 2
        return kept["h"] + 1

    for i in range(5):
        step(number(i))
    assert kept["h"].item() == 8


def test_requires_grad_of_a_result():
    """A replayed loss has no tape: backward() was part of the step."""
    model = small_mlp()

    @gpunet.compile
    def step(x, y):
        model.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    assert [step(*batch(i)).requires_grad for i in range(4)] == [True, False, False, False]


def test_python_numbers_among_results_are_those_of_the_recording():
    """A count that the step returns does not go on."""
    calls = []

    @gpunet.compile
    def step(x):
        calls.append(x)
        return x * 2, len(calls), "text"

    results = [step(number(i)) for i in range(4)]
    assert [count for _, count, _ in results] == [1, 2, 2, 2]
