"""`GradScaler._step_on_device`: the step of `GradScaler.step`, with nothing asked on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import amp, nn, optim

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: optim.Adam(params, lr=0.1),
    "amsgrad": lambda params: optim.Adam(params, lr=0.1, amsgrad=True),
    "adamw": lambda params: optim.AdamW(params, lr=0.1),
    "rmsprop": lambda params: optim.RMSprop(params, lr=0.1, momentum=0.9, centered=True),
    "adagrad": lambda params: optim.Adagrad(params, lr=0.1, initial_accumulator_value=0.5),
    "adadelta": lambda params: optim.Adadelta(params),
    "nadam": lambda params: optim.NAdam(params, lr=0.1),
    "radam": lambda params: optim.RAdam(params, lr=0.1),
    "adamax": lambda params: optim.Adamax(params, lr=0.1),
}


def model_on(device: str) -> nn.Sequential:
    gpunet.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).to(device)


def set_gradients(model: nn.Module, scale: float, step: int, bad: float | None) -> None:
    rng = np.random.default_rng(step)
    for i, p in enumerate(model.parameters()):
        gradient = rng.normal(size=p.shape).astype(np.float32) * np.float32(scale)
        if bad is not None and i == 1:
            gradient.flat[2] = bad
        p.grad = on_device(gradient, str(p.device))


def state_of(optimizer: Any) -> list[np.ndarray]:
    found = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            found.append(array_of(p).copy())
            for _, x in sorted(optimizer.state[p].items()):
                found.append(array_of(x).copy())
    return found


def run(make: Any, device: str, on_the_device: bool, sequence: list[float | None]) -> Any:
    model = model_on(device)
    optimizer = make(model.parameters())
    scaler = amp.GradScaler(device, init_scale=1024.0, growth_interval=2)
    seen = []
    for step, bad in enumerate(sequence):
        scaler.scale(gpunet.zeros((), device=device))
        set_gradients(model, scaler.get_scale(), step, bad)
        if on_the_device:
            scaler._step_on_device(optimizer)
        else:
            scaler.step(optimizer)
        scaler.update()
        seen.append([*state_of(optimizer), np.array(scaler.get_scale())])
    return seen


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "sequence",
    [
        [None, None, None],
        [None, np.inf, None, np.nan, None],
        [np.inf, np.nan, None, None],  # in the first step, where the state is made
    ],
    ids=["finite", "mixed", "first"],
)
def test_it_is_the_ordinary_step(device: str, name: str, sequence: list[float | None]) -> None:
    plain = run(OPTIMIZERS[name], device, False, sequence)
    captured = run(OPTIMIZERS[name], device, True, sequence)
    for step, (a, b) in enumerate(zip(plain, captured)):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"step {step}")


def test_parameters_with_different_numbers_of_steps(device: str) -> None:
    ends = []
    for on_the_device in (False, True):
        model = model_on(device)
        optimizer = optim.Adam(
            [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}],
            lr=0.1,
        )
        scaler = amp.GradScaler(device, init_scale=8.0)
        for step, bad in enumerate([None, np.inf, None]):
            scaler.scale(gpunet.zeros((), device=device))
            set_gradients(model, scaler.get_scale(), step, bad)
            if step != 1:
                model[2].bias.grad = None
            scaler._step_on_device(optimizer) if on_the_device else scaler.step(optimizer)
            scaler.update()
        ends.append(state_of(optimizer))
        counts = [float(optimizer.state[p]["step"]) for p in list(model.parameters())[:3]]
        assert counts == [2.0, 2.0, 2.0]
        assert not optimizer.state[model[2].bias]
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_that_have_moved(device: str) -> None:
    model = model_on("cpu")
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.to(device)
    before = [array_of(p).copy() for p in model.parameters()]
    scaler = amp.GradScaler(device, init_scale=8.0)
    for bad in (np.inf, None):
        scaler.scale(gpunet.zeros((), device=device))
        set_gradients(model, 8.0, 0, bad)
        scaler._step_on_device(optimizer)
        scaler.update()
        for p, old in zip(model.parameters(), before):
            assert (array_of(p) == old).all() == (bad is not None)


def test_the_device_is_not_waited_for(cuda: str) -> None:
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("the stand-in counts")
    model = model_on(cuda)
    optimizer = optim.Adam(model.parameters())
    scaler = amp.GradScaler(cuda)
    x = gpunet.ones(3, 4, device=cuda)
    for _ in range(2):
        cupy._standin.reset()
        optimizer.zero_grad()
        scaler.scale(model(x).sum()).backward()
        scaler._step_on_device(optimizer)
        scaler.update()
    assert cupy._standin.synchronisations == 0, cupy._standin.history
    assert cupy._standin.uploads == 0, cupy._standin.history


def test_off_it_is_the_optimisers_step(device: str) -> None:
    model = model_on(device)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    before = array_of(model[0].weight).copy()
    set_gradients(model, 1.0, 0, None)
    amp.GradScaler(device, enabled=False)._step_on_device(optimizer)
    assert (array_of(model[0].weight) != before).all()


def test_errors(device: str) -> None:
    model = model_on(device)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    scaler = amp.GradScaler(device)
    with pytest.raises(AssertionError, match="_scale is None"):
        scaler._step_on_device(optimizer)
    scaler.scale(gpunet.zeros((), device=device))
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler._step_on_device(optimizer)
    scaler.update(8.0)
    set_gradients(model, 1.0, 0, None)
    scaler._step_on_device(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler._step_on_device(optimizer)
    other = optim.LBFGS(model.parameters())
    with pytest.raises(TypeError, match="flat buffers, such as SGD or Adam, not LBFGS"):
        scaler._step_on_device(other)


def test_in_a_captured_step(cuda: str) -> None:
    from gpunet.backend import Device, backend_for

    backend_for(Device(cuda))
    from gpunet.backend.cuda_graph import Graph

    graph = Graph(Device(cuda, 0))
    batches = np.random.default_rng(1).normal(size=(6, 3, 4)).astype(np.float32)
    batches[3, 0, 0] = np.inf

    def train(captured: bool) -> Any:
        model = model_on(cuda)
        optimizer = optim.Adam(model.parameters(), lr=0.1, amsgrad=True)
        scaler = amp.GradScaler(cuda, init_scale=64.0, growth_interval=2)
        x = graph.input((3, 4), "float32")

        def step() -> None:
            optimizer.zero_grad()
            with gpunet.autocast(cuda, gpunet.bfloat16):
                loss = model(gpunet.Tensor(x)).float().square().mean()
            scaler.scale(loss).backward()
            (scaler._step_on_device if captured else scaler.step)(optimizer)
            scaler.update()

        for i, batch in enumerate(batches):
            graph.feed(x, batch)
            if not captured:
                step()
            elif i == 0:
                graph.warm_up(step)
                graph.capture(step)
            else:
                graph.replay()
        assert float(optimizer.state[model[0].weight]["step"]) == 5.0
        return [*state_of(optimizer), np.array(scaler.get_scale())]

    for a, b in zip(train(False), train(True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
