"""Errors, interrupts and other threads leave nothing of a recording behind."""

from __future__ import annotations

import copy
import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from compilecheck import batch, check_compiled, data, labels, small_mlp, snapshot

import gpunet
from gpunet import nn, optim
from gpunet.autograd import Variable
from gpunet.backend import CPU
from gpunet.backend.rng import Generator, default_generator
from gpunet.backend.traced import ACTIVE, Traced, root
from gpunet.nn.functional import cross_entropy
from gpunet.optim.lr_scheduler import LRScheduler
from gpunet.utils.data import DataLoader, TensorDataset


def of_gpunet():
    """What a recording takes the place of."""
    kinds = [Variable, nn.Module, Generator, optim.Optimizer, optim.SGD, optim.Adam, LRScheduler]
    kinds += [gpunet.amp.GradScaler, gpunet.Tensor]
    return [dict(vars(kind)) for kind in kinds], dict(vars(CPU)), dict(vars(default_generator))


def same(one, other):
    return all(
        a.keys() == b.keys() and all(a[key] is b[key] for key in a)
        for a, b in zip([*one[0], one[1]], [*other[0], other[1]])
    )


@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit]
)
@pytest.mark.parametrize("place", ["forward", "backward", "optimizer", "end"])
def test_an_error_during_the_recording(error, place):
    model = small_mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    wrong = None

    def fail(where):
        if wrong == where:
            raise error("on purpose")

    model[1].register_forward_hook(lambda *args: fail("forward"))
    model[0].weight.register_hook(lambda gradient: fail("backward"))

    class Failing(optim.SGD):
        def step(self, closure=None):
            fail("optimizer")
            return super().step(closure)

    other = Failing([gpunet.zeros(1, requires_grad=True)], lr=0.1)

    @gpunet.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        other.step()
        optimizer.step()
        fail("end")
        return loss

    before = of_gpunet()
    step(*batch(0))
    wrong = place
    with pytest.raises(error):
        step(*batch(1))
    wrong = None
    assert same(of_gpunet(), before)
    assert ACTIVE.recorder is None
    assert "draws" not in vars(default_generator)
    assert all(type(p.array) is np.ndarray for p in model.parameters())
    plain = copy.deepcopy((model, optimizer))

    for i in range(4):
        state = gpunet.get_rng_state()
        found = snapshot(step(*batch(i)))
        gpunet.set_rng_state(state)
        model_, optimizer_ = plain
        optimizer_.zero_grad()
        loss = cross_entropy(model_(batch(i)[0]), batch(i)[1])
        loss.backward()
        optimizer_.step()
        assert snapshot(loss) == found
        assert snapshot(model_) == snapshot(model)


@pytest.mark.parametrize("fallback", [False, True])
def test_a_label_out_of_range_in_a_replay(fallback):
    model = nn.Linear(5, 3)

    @gpunet.compile(fallback=fallback)
    def step(x, y):
        model.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    for i in range(4):
        step(*batch(i))
    x, y = batch(5)
    y[3] = 7
    message = "7"
    with pytest.raises(IndexError, match=message) as caught:
        cross_entropy(model(x), y)
    with pytest.raises(IndexError) as again:
        step(x, y)
    assert str(again.value) == str(caught.value)
    for i in range(4):
        found = snapshot(step(*batch(i)))
        assert found == snapshot(cross_entropy(model(batch(i)[0]), batch(i)[1]))


def test_random_numbers_after_an_error_in_a_replay():
    def scenario(compile):
        model = small_mlp()

        @compile
        def step(x, y):
            model.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        for i in range(8):
            x, y = batch(i)
            if i == 4:
                y[0] = 9
                with pytest.raises(IndexError):
                    step(x, y)
                yield gpunet.rand(2)
            else:
                yield step(x, y), model

    check_compiled(scenario)


def test_an_index_out_of_range_in_a_replay():
    table = nn.Embedding(11, 3)
    look = gpunet.compile(gpunet.no_grad()(table))
    for i in range(4):
        look(labels((4,), 11, i))
    with pytest.raises(IndexError, match=r"index 11 \(number 1 of input\) is out of range"):
        look(gpunet.tensor([0, 11, 2, 3]))
    pick = gpunet.compile(lambda x, i: x[i])
    for i in range(4):
        pick(data(5), labels((3,), 5, i))
    with pytest.raises(IndexError, match="9"):
        pick(data(5), gpunet.tensor([0, 9, 2]))


def test_a_wrong_shape_is_the_operations_error():
    run = gpunet.compile(gpunet.no_grad()(nn.Linear(5, 3)))
    for i in range(4):
        run(data(2, 5, seed=i))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="mat1 and mat2"):
            run(data(2, 4))
    assert run(data(2, 5)).shape == (2, 3)


def test_another_thread_computes_meanwhile():
    """During the recording, and during replays, others compute as ever."""
    done = threading.Event()
    problems = []

    def work():
        twin = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
        state = copy.deepcopy(twin.state_dict())
        expected = None
        while not done.is_set():
            twin.load_state_dict(state)
            optimizer = optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
            for i in range(3):
                optimizer.zero_grad()
                loss = cross_entropy(twin(batch(i)[0]), batch(i)[1])
                loss.backward()
                optimizer.step()
            found = snapshot(twin)
            if expected is None:
                expected = found
            if found != expected or any(type(p.array) is not np.ndarray for p in twin.parameters()):
                problems.append("other values")

    def run():
        try:
            work()
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:

        def scenario(compile):
            model = small_mlp()
            optimizer = optim.Adam(model.parameters(), lr=0.01)

            def step(x, y):
                optimizer.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                return loss

            for n in range(5):  # many recordings
                compiled = compile(step)
                for i in range(6):
                    yield compiled(*batch(i, 8 + n)), model, optimizer

        check_compiled(scenario, replays=20)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert problems == []


def test_two_threads_record():
    """Each its own step, at the same time."""
    problems = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    before = of_gpunet()

    def run(seed):
        def scenario(compile):
            model = nn.Linear(5, 3)
            model.load_state_dict({"weight": data(3, 5, seed=seed), "bias": data(3, seed=seed)})
            optimizer = optim.SGD(model.parameters(), lr=0.1)

            def step(x, y):
                optimizer.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                return loss

            for n in range(10):
                compiled = compile(step)
                for i in range(4):
                    yield snapshot([compiled(*batch(i, 4 + n)), model, optimizer])

        try:
            plain = list(scenario(lambda function: function))
            if list(scenario(gpunet.compile)) != plain:
                problems.append(f"{seed}: other values")
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert problems == []
    assert same(of_gpunet(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_mini_batches_of_a_loader(workers):
    def scenario(compile):
        loader = DataLoader(
            TensorDataset(data(50, 5), labels(50, 3)), 8, shuffle=True, num_workers=workers
        )
        model = small_mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for _ in range(3):
            for x, y in loader:
                yield step(x, y)
            yield model, optimizer

    check_compiled(scenario, replays=10)


def test_a_compiled_step_that_is_dropped_is_freed_with_its_memory():
    model = small_mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    @gpunet.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss, gpunet.zeros(1000, 1000)

    for i in range(4):
        result = step(*batch(i))
    memory = weakref.ref(root(result[1].array))
    reference = weakref.ref(step)
    gc.disable()
    try:
        del step, result
        alive = reference() is not None, memory() is not None
    finally:
        gc.enable()
    gc.collect()
    assert reference() is None
    assert memory() is None
    assert alive == (False, False), "freed by the garbage collector alone"
    loss = cross_entropy(model(batch(0)[0]), batch(0)[1])
    loss.backward()
    optimizer.step()


def test_what_is_left_is_plain():
    """Tensors that outlive a recording are as any other, and can be copied and changed."""
    model = small_mlp()
    kept = {}

    def step(x, y):
        model.zero_grad()
        kept["hidden"] = model[0](x)
        kept["loss"] = cross_entropy(model[3](kept["hidden"]), y)
        kept["loss"].backward()
        return kept["hidden"]

    compiled = gpunet.compile(step)
    for i in range(4):
        compiled(*batch(i))
        for x in (*kept.values(), *[p.grad for p in model.parameters()]):
            assert type(x.array) is np.ndarray
            twin = copy.deepcopy(x.detach())
            assert snapshot(twin) == snapshot(x)
            assert set(vars(twin)) <= {"array", "node", "requires_grad"}
    copy.deepcopy(model)
    model.double()
    compiled(batch(0)[0].double(), batch(0)[1])


def test_nothing_that_is_kept_for_later_calls_is_of_a_recording():
    """Tables that operations keep are made during a recording here, and used by eager calls."""
    first = True

    def step(x):
        if first:
            return x.sum()
        scaled = nn.functional.interpolate(x, size=(11, 13), mode="bicubic")
        return scaled.sum() + nn.functional.adaptive_avg_pool2d(x, 3).sum()

    compiled = gpunet.compile(step)
    compiled(data(1, 2, 5, 5))
    first = False
    for i in range(3):
        compiled(data(1, 2, 5, 5, seed=i))
    del compiled
    gc.collect()
    assert [x.shape for x in gc.get_objects() if type(x) is Traced] == []
