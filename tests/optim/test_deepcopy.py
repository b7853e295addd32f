"""A deep copy of an optimiser goes on with copies of the parameters, as the optimiser itself."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet import optim

KINDS = (
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.Adam, {"lr": 0.01, "amsgrad": True}),
    (optim.NAdam, {"lr": 0.01}),
    (optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.5}),
    (optim.Adagrad, {"lr": 0.01, "initial_accumulator_value": 0.5}),
)


def make(device, kind, options):
    rng = np.random.default_rng(0)
    params = [on_device(rng.standard_normal(shape), device, True) for shape in ((3, 4), (5,), ())]
    return params, kind([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}], **options)


def step(optimizer, params, seed, skip=None):
    rng = np.random.default_rng(seed)
    for i, p in enumerate(params):
        gradient = on_device(rng.standard_normal(p.shape), str(p.device))
        p.grad = None if i == skip else gradient
    optimizer.step()


def values(params):
    return [array_of(p).copy() for p in params]


def equal(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("steps", [0, 3])
def test_goes_on_alike(kind, options, steps, device):
    params, optimizer = make(device, kind, options)
    for seed in range(steps):
        step(optimizer, params, seed, skip=0 if seed == 1 else None)  # counts that differ
    before = values(params)
    twin = copy.deepcopy(optimizer)
    twins = [p for group in twin.param_groups for p in group["params"]]
    assert not {id(p) for p in twins} & {id(p) for p in params}
    equal(values(twins), before)
    for seed in (7, 8):
        step(twin, twins, seed)
    equal(values(params), before)
    for seed in (7, 8):
        step(optimizer, params, seed)
    equal(values(twins), values(params))
    assert twin.param_groups[1]["lr"] == 0.5


def test_parameters_that_are_copied_already(device):
    params, optimizer = make(device, optim.Adam, {})
    step(optimizer, params, 0)
    twins = [on_device(array_of(p), device, True) for p in params]
    twin = copy.deepcopy(optimizer, {id(p): t for p, t in zip(params, twins)})
    assert [p for group in twin.param_groups for p in group["params"]] == twins
    step(twin, twins, 1)
    step(optimizer, params, 1)
    equal(values(twins), values(params))


def test_after_a_change_of_the_group():
    params, optimizer = make("cpu", optim.Adam, {})
    step(optimizer, params, 0)
    params.insert(1, gpunet.ones(2, dtype=gpunet.float64).requires_grad_())
    optimizer.param_groups[0]["params"].insert(1, params[1])
    twin = copy.deepcopy(optimizer)
    twins = [p for group in twin.param_groups for p in group["params"]]
    step(twin, twins, 1)
    step(optimizer, params, 1)
    equal(values(twins), values(params))


def test_does_not_wait_for_the_device(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    params, optimizer = make(cuda, optim.Adam, {})
    step(optimizer, params, 0)
    cupy._standin.reset()
    copy.deepcopy(optimizer)
    assert cupy._standin.synchronisations == 0
