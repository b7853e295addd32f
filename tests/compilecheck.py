"""A check that steps compiled by `gpunet.compile` do what they do without it, bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
from opcheck import spoil

import gpunet
from gpunet.amp import GradScaler
from gpunet.autograd import Variable
from gpunet.capture.recording import Recording
from gpunet.nn import Module
from gpunet.optim import Optimizer
from gpunet.optim.lr_scheduler import LRScheduler

__all__ = ["batch", "check_compiled", "data", "labels", "small_mlp", "snapshot", "training"]

Scenario = Callable[[Callable[..., Any]], Iterator[Any]]


def check_compiled(
    scenario: Scenario, *, replays: int = 3, spoilt: bool = True, fallback: bool = False
) -> None:
    """Compare all that `scenario` yields, without compiling and with it.

    Parameters
    ----------
    scenario : callable
        A generator function: ``scenario(compile)`` compiles its steps with what it is given and
        yields what is to be compared: tensors, modules with their gradients, optimisers,
        schedulers, scalers, numbers, and lists, tuples and dicts of them. The state of the random
        numbers is compared at each yield, too.
    replays : int
        How many calls at least must have been replays.
    spoilt : bool
        Fill the memory of a recording with garbage before each replay; not for what rests on the
        gradients of the call before.
    fallback : bool
        For `gpunet.compile`.
    """
    expected = _states(scenario, lambda function: function)
    number = 0
    replay = Recording.replay

    def counted(recording: Recording, inputs: Any) -> Any:
        nonlocal number
        number += 1
        if spoilt:
            spoil(recording)
        return replay(recording, inputs)

    with mock.patch.object(Recording, "replay", counted):
        found = _states(scenario, lambda function: gpunet.compile(function, fallback=fallback))
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        _compare(one, other, f"yield {i}")
    assert number >= replays, f"only {number} calls were replays"


def _states(scenario: Scenario, compile: Callable[..., Any]) -> list[Any]:
    gpunet.manual_seed(0)
    return [(snapshot(x), gpunet.get_rng_state()) for x in scenario(compile)]


def snapshot(x: Any) -> Any:
    """A copy of the values in `x`: arrays as (shape, dtype, bytes)."""
    if isinstance(x, Module):
        return {
            "state": {key: snapshot(value) for key, value in x.state_dict().items()},
            "grad": {key: snapshot(p.grad) for key, p in x.named_parameters()},
            "training": [module.training for module in x.modules()],
        }
    if isinstance(x, Optimizer | LRScheduler | GradScaler):
        return snapshot(x.state_dict())
    if isinstance(x, Variable):
        assert type(x.array) is np.ndarray, type(x.array)
        return snapshot(x.array)
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.name, x.tobytes()
    if isinstance(x, dict):
        return {key: snapshot(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return type(x).__name__, [snapshot(item) for item in x]
    return x


def _compare(found: Any, expected: Any, where: str) -> None:
    assert type(found) is type(expected), f"{where}: {type(found)}, not {type(expected)}"
    if isinstance(expected, dict):
        assert list(found) == list(expected), f"{where}: {list(found)}"
        for key in expected:
            _compare(found[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, list | tuple) and not _is_array(expected):
        assert len(found) == len(expected), f"{where}: {len(found)} items"
        for i, pair in enumerate(zip(found, expected)):
            _compare(*pair, f"{where}[{i}]")
    else:
        same = found == expected or (found != found and expected != expected)
        assert same, f"{where}: {_shown(found)}\nin place of {_shown(expected)}"


def _is_array(x: Any) -> bool:
    return isinstance(x, tuple) and len(x) == 3 and isinstance(x[2], bytes)


def _shown(x: Any) -> Any:
    if not _is_array(x) or x[1] == "bfloat16":
        return x
    return x[0], x[1], np.frombuffer(x[2], x[1])


def data(*shape: int, seed: int = 0, dtype: Any = np.float32) -> gpunet.Tensor:
    """A tensor of normal numbers."""
    return gpunet.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def labels(shape: Any, classes: int, seed: int = 0) -> gpunet.Tensor:
    """A tensor of random integers below `classes`."""
    return gpunet.tensor(np.random.default_rng(seed).integers(0, classes, shape))


def small_mlp(inputs: int = 5, classes: int = 3) -> Module:
    """Two layers, with dropout."""
    nn = gpunet.nn
    return nn.Sequential(nn.Linear(inputs, 7), nn.ReLU(), nn.Dropout(0.3), nn.Linear(7, classes))


def batch(i: int, n: int = 8) -> tuple[gpunet.Tensor, gpunet.Tensor]:
    """Mini-batch `i` for `small_mlp`."""
    return data(n, 5, seed=i), labels(n, 3, i)


def training(
    make_model: Callable[[], Module] = small_mlp,
    make_optimizer: Callable[[Any], Optimizer] = lambda p: gpunet.optim.Adam(p, lr=0.01),
    make_batch: Callable[[int], Any] = batch,
    calls: int = 6,
) -> Scenario:
    """The usual training step as a scenario."""

    def scenario(compile: Callable[..., Any]) -> Iterator[Any]:
        model = make_model()
        optimizer = make_optimizer(model.parameters())

        @compile
        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            output = model(x)
            loss = gpunet.nn.functional.cross_entropy(output, y)
            loss.backward()
            optimizer.step()
            return loss, output

        for i in range(calls):
            yield step(*make_batch(i)), model, optimizer

    return scenario
