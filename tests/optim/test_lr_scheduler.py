"""Every scheduler against PyTorch's."""

from __future__ import annotations

import inspect
import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opcheck import on_device, torch_or_none

from gpunet import optim
from gpunet.optim import lr_scheduler

ALL = [name for name in lr_scheduler.__all__ if name != "LRScheduler"]

number = st.floats(0.05, 1.0)
few = st.integers(1, 12)

# The arguments of every scheduler but the optimiser. A new scheduler must be added.
ARGUMENTS = {
    "LambdaLR": st.fixed_dictionaries({"lr_lambda": st.just(lambda epoch: 0.95**epoch)}),
    "MultiplicativeLR": st.fixed_dictionaries(
        {"lr_lambda": st.just([lambda epoch: 0.97, lambda epoch: 1 - 1 / (epoch + 2)])}
    ),
    "StepLR": st.fixed_dictionaries({"step_size": few, "gamma": number}),
    "MultiStepLR": st.fixed_dictionaries(
        {"milestones": st.lists(st.integers(0, 60), max_size=6), "gamma": number}
    ),
    "ConstantLR": st.fixed_dictionaries({"factor": number, "total_iters": st.integers(0, 30)}),
    "LinearLR": st.fixed_dictionaries(
        {"start_factor": number, "end_factor": number, "total_iters": st.integers(1, 40)}
    ),
    "ExponentialLR": st.fixed_dictionaries({"gamma": number}),
    "PolynomialLR": st.fixed_dictionaries({"total_iters": st.integers(1, 60), "power": number}),
    "CosineAnnealingLR": st.fixed_dictionaries(
        {"T_max": st.integers(1, 40), "eta_min": st.floats(0, 0.05)}
    ),
    "CosineAnnealingWarmRestarts": st.fixed_dictionaries(
        {"T_0": few, "T_mult": st.integers(1, 3), "eta_min": st.floats(0, 0.05)}
    ),
    "OneCycleLR": st.fixed_dictionaries(
        {
            "max_lr": st.sampled_from([0.3, [0.2, 0.7]]),
            "total_steps": st.integers(150, 200),
            "pct_start": st.floats(0.1, 0.45),
            "anneal_strategy": st.sampled_from(["cos", "linear"]),
            "cycle_momentum": st.booleans(),
            "three_phase": st.booleans(),
            "div_factor": st.floats(2, 30),
        }
    ),
    "ReduceLROnPlateau": st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.floats(0.1, 0.9),
            "patience": st.integers(0, 5),
            "threshold": st.sampled_from([1e-4, 0.1]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0, 0.01, [0.02, 0.001]]),
        }
    ),
}
COMBINED = {"SequentialLR", "ChainedScheduler"}
SIMPLE = sorted(set(ALL) - COMBINED)

fast = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_no_scheduler_is_forgotten():
    assert set(ARGUMENTS) == set(ALL) - COMBINED


def our_optimizer(kind="SGD"):
    params = [on_device(np.ones(2, np.float32), "cpu", True) for _ in range(2)]
    optimizer = getattr(optim, kind)(
        [{"params": params[:1]}, {"params": params[1:], "lr": 0.05}], lr=0.4
    )
    optimizer.step()
    return optimizer


def torch_optimizer(torch, kind="SGD"):
    params = [torch.ones(2, requires_grad=True) for _ in range(2)]
    return getattr(torch.optim, kind)(
        [{"params": params[:1]}, {"params": params[1:], "lr": 0.05}], lr=0.4
    )


def step(scheduler, metric):
    with warnings.catch_warnings():  # PyTorch's, on the order of calls
        warnings.simplefilter("ignore")
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            scheduler.step(metric)
        else:
            scheduler.step()


def look(optimizer):
    return [
        (group["lr"], group.get("momentum"), group.get("betas")) for group in optimizer.param_groups
    ]


def metric(i):
    return float(np.cos(i * 0.7) + 3 - i / 60)


def run_both(ours, theirs, optimizer, reference, steps):
    for i in steps:
        assert look(optimizer) == look(reference), i
        assert ours.get_last_lr() == theirs.get_last_lr()
        step(ours, metric(i))
        step(theirs, metric(i))
    assert look(optimizer) == look(reference)


def torch_module():
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    return torch


def make(module, name, optimizer, arguments):
    return getattr(module, name)(optimizer, **arguments)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SIMPLE)
@fast
@given(data=st.data())
def test_same_sequence_as_pytorch(name, kind, data):
    torch = torch_module()
    arguments = data.draw(ARGUMENTS[name])
    optimizer, reference = our_optimizer(kind), torch_optimizer(torch, kind)
    ours = make(lr_scheduler, name, optimizer, arguments)
    theirs = make(torch.optim.lr_scheduler, name, reference, arguments)
    run_both(ours, theirs, optimizer, reference, range(140))


def resumes(build, at, total):
    """State dicts, through JSON, of scheduler and groups go on where they were taken."""
    optimizer = our_optimizer()
    scheduler = build(optimizer)
    for i in range(at):
        step(scheduler, metric(i))
    saved = json.loads(json.dumps(scheduler.state_dict()))
    groups = json.loads(json.dumps(optimizer.state_dict()))
    again = our_optimizer()
    resumed = build(again)
    resumed.load_state_dict(saved)
    again.load_state_dict(groups)
    for i in range(at, total):
        assert look(again) == look(optimizer)
        assert resumed.get_last_lr() == scheduler.get_last_lr()
        step(scheduler, metric(i))
        step(resumed, metric(i))
    assert look(again) == look(optimizer)


@pytest.mark.parametrize("name", SIMPLE)
@fast
@given(data=st.data())
def test_resumes_from_its_state_dict(name, data):
    arguments = data.draw(ARGUMENTS[name])
    at = data.draw(st.integers(0, 40))
    resumes(lambda optimizer: make(lr_scheduler, name, optimizer, arguments), at, 70)


@pytest.mark.parametrize("name", sorted(set(SIMPLE) - {"ReduceLROnPlateau"}))
@fast
@given(data=st.data())
def test_last_epoch(name, data):
    torch = torch_module()
    arguments = data.draw(ARGUMENTS[name])
    last_epoch = data.draw(st.integers(0, 30))
    optimizer, reference = our_optimizer(), torch_optimizer(torch)
    for o, module in ((optimizer, lr_scheduler), (reference, torch.optim.lr_scheduler)):
        make(module, name, o, arguments)
    ours = make(lr_scheduler, name, optimizer, {**arguments, "last_epoch": last_epoch})
    theirs = make(
        torch.optim.lr_scheduler, name, reference, {**arguments, "last_epoch": last_epoch}
    )
    run_both(ours, theirs, optimizer, reference, range(60))


@st.composite
def several(draw, most=3):
    names = draw(
        st.lists(
            st.sampled_from(sorted(set(SIMPLE) - {"ReduceLROnPlateau", "OneCycleLR"})),
            min_size=1,
            max_size=most,
        )
    )
    return [(name, draw(ARGUMENTS[name])) for name in names]


def sequential(module, optimizer, parts, milestones):
    schedulers = [make(module, name, optimizer, arguments) for name, arguments in parts]
    return module.SequentialLR(optimizer, schedulers, milestones)


def chained(module, optimizer, parts):
    return module.ChainedScheduler(
        [make(module, name, optimizer, arguments) for name, arguments in parts]
    )


@settings(parent=fast, max_examples=80)
@given(data=st.data())
def test_sequential(data):
    torch = torch_module()
    parts = data.draw(several())
    milestones = np.cumsum([data.draw(st.integers(1, 30)) for _ in parts[1:]]).tolist()
    optimizer, reference = our_optimizer(), torch_optimizer(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sequential(torch.optim.lr_scheduler, reference, parts, milestones)
    ours = sequential(lr_scheduler, optimizer, parts, milestones)
    run_both(ours, theirs, optimizer, reference, range(100))
    resumes(lambda o: sequential(lr_scheduler, o, parts, milestones), 17, 60)


@settings(parent=fast, max_examples=80)
@given(data=st.data())
def test_chained(data):
    torch = torch_module()
    parts = data.draw(several())
    optimizer, reference = our_optimizer(), torch_optimizer(torch)
    ours = chained(lr_scheduler, optimizer, parts)
    theirs = chained(torch.optim.lr_scheduler, reference, parts)
    run_both(ours, theirs, optimizer, reference, range(100))
    resumes(lambda o: chained(lr_scheduler, o, parts), 17, 60)


@fast
@given(data=st.data())
def test_sequence_of_sequences(data):
    torch = torch_module()
    inner, last = data.draw(several(2)), data.draw(several(1))
    milestones = [5] * (len(inner) - 1)

    def build(module, optimizer):
        first = sequential(module, optimizer, inner, milestones)
        rest = [make(module, name, optimizer, arguments) for name, arguments in last]
        return module.SequentialLR(optimizer, [first, *rest], [20])

    optimizer, reference = our_optimizer(), torch_optimizer(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = build(torch.optim.lr_scheduler, reference)
    run_both(build(lr_scheduler, optimizer), theirs, optimizer, reference, range(60))


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20), few, st.integers(1, 3))
@fast
def test_warm_restarts_at_fractions(epochs, T_0, T_mult):
    torch = torch_module()
    optimizer, reference = our_optimizer(), torch_optimizer(torch)
    ours = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0, T_mult)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(reference, T_0, T_mult)
    for epoch in epochs:
        ours.step(epoch)
        theirs.step(epoch)
        assert look(optimizer) == look(reference)


def test_loads_pytorchs_state():
    torch = torch_module()
    for name, arguments in [
        ("MultiStepLR", {"milestones": [3, 9, 9]}),
        ("CosineAnnealingLR", {"T_max": 10}),
        ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (epoch + 1)}),
    ]:
        optimizer, reference = our_optimizer(), torch_optimizer(torch)
        theirs = make(torch.optim.lr_scheduler, name, reference, arguments)
        for _ in range(5):
            step(theirs, 0)
        ours = make(lr_scheduler, name, optimizer, arguments)
        ours.load_state_dict(theirs.state_dict())
        for group, other in zip(optimizer.param_groups, reference.param_groups):
            group["lr"] = other["lr"]
        run_both(ours, theirs, optimizer, reference, range(20))


def test_scheduled_rates_reach_the_kernel(device):
    p = on_device(np.zeros(3, np.float32), device, True)
    optimizer = optim.SGD([p], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    for expected in (1.0, 1.5, 1.75):
        p.grad = on_device(-np.ones(3, np.float32), device)
        optimizer.step()
        scheduler.step()
        np.testing.assert_allclose(float(p.sum()), 3 * expected)


def test_step_before_the_optimizers_is_warned_of():
    p = on_device(np.zeros(3, np.float32), "cpu", True)
    scheduler = lr_scheduler.StepLR(optim.SGD([p]), 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()


def test_signatures_as_in_pytorch():
    torch = torch_module()
    for name in ALL:
        ours = inspect.signature(getattr(lr_scheduler, name)).parameters
        theirs = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
        assert list(ours) == list(theirs), name
        for key in ours:
            assert ours[key].default == theirs[key].default, (name, key)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ConstantLR", {"factor": 1.5}, "between 0 and 1"),
        ("LinearLR", {"start_factor": 0.0}, "greater than 0"),
        ("LinearLR", {"end_factor": 1.5}, "between 0 and 1"),
        ("LambdaLR", {"lr_lambda": [abs]}, "Expected 2 lr_lambdas, but got 1"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, "positive integer T_0, but got 0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 0}, "T_mult >= 1, but got 0"),
        ("OneCycleLR", {"max_lr": 0.1}, "either total_steps OR"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": -3}, "total_steps, but got -3"),
        ("OneCycleLR", {"max_lr": 0.1, "epochs": 2, "steps_per_epoch": 0}, "but got 0"),
        ("OneCycleLR", {"max_lr": [0.1], "total_steps": 3}, "same length"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 3, "pct_start": 2.0}, "pct_start"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 3, "anneal_strategy": "x"}, "instead got x"),
        ("ReduceLROnPlateau", {"factor": 1.0}, "< 1.0"),
        ("ReduceLROnPlateau", {"mode": "x"}, "mode x is unknown"),
        ("ReduceLROnPlateau", {"threshold_mode": "x"}, "threshold mode x is unknown"),
        ("ReduceLROnPlateau", {"min_lr": [0.1]}, "expected 2 min_lrs, got 1"),
        ("SequentialLR", {"schedulers": [], "milestones": []}, "at least one scheduler"),
    ],
)
def test_errors(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(lr_scheduler, name, our_optimizer(), arguments)


def test_more_errors():
    optimizer = our_optimizer()
    step_lr = lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, 1)
    with pytest.raises(TypeError, match="lr_lambda should be a function, but got int"):
        lr_scheduler.MultiplicativeLR(optimizer, 3)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(our_optimizer(), 1, last_epoch=3)
    with pytest.raises(ValueError, match="all schedulers to belong to the same optimizer"):
        lr_scheduler.SequentialLR(our_optimizer(), [step_lr], [])
    with pytest.raises(ValueError, match="number of milestones"):
        lr_scheduler.SequentialLR(optimizer, [step_lr], [3])
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(optimizer)], optimizer)
    with pytest.raises(ValueError, match="at least one scheduler"):
        lr_scheduler.ChainedScheduler([])
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        lr_scheduler.OneCycleLR(optim.Adagrad(optimizer.param_groups[0]["params"]), 0.1, 10)
    short = lr_scheduler.OneCycleLR(optimizer, 0.1, 10)
    for _ in range(10):
        short.step()
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        short.step()
    with pytest.raises(ValueError, match="non-negative epoch"):
        lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3).step(-1)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": on_device(np.ones(2, np.float32), "cpu", True)})
    plateau.step(1.0)
    with pytest.raises(RuntimeError, match="3 parameter groups"):
        plateau.step(1.0)
