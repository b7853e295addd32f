"""Every optimiser against PyTorch's, whatever its options."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opcheck import array_of, on_device, torch_or_none
from optimcheck import (
    flat_state,
    give,
    give_torch,
    gradients,
    make_params,
    make_torch_params,
    values,
)

from gpunet import optim

#: All optimisers of the package, found rather than listed, and those that need no closure.
ALL = [
    value
    for name, value in vars(optim).items()
    if isinstance(value, type) and issubclass(value, optim.Optimizer) and name != "Optimizer"
]
STEPPED = [kind for kind in ALL if kind is not optim.LBFGS]

# Values that exercise the option, and its default. A new option of an optimiser must be added.
OPTIONS = {
    "lr": st.sampled_from([1e-3, 0.03, 0.0]),
    "betas": st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)]),
    "eps": st.sampled_from([1e-8, 1e-3]),
    "weight_decay": st.sampled_from([0, 0.1]),
    "momentum": st.sampled_from([0, 0.9]),
    "dampening": st.sampled_from([0, 0.3]),
    "nesterov": st.booleans(),
    "amsgrad": st.booleans(),
    "maximize": st.booleans(),
    "centered": st.booleans(),
    "alpha": st.sampled_from([0.99, 0.6]),
    "rho": st.sampled_from([0.9, 0.5]),
    "lr_decay": st.sampled_from([0, 0.1]),
    "initial_accumulator_value": st.sampled_from([0, 0.2]),
    "momentum_decay": st.sampled_from([4e-3, 0.1]),
    "decoupled_weight_decay": st.booleans(),
}
IGNORED = {"self", "params", "foreach", "fused"}


def option_names(kind):
    return [name for name in inspect.signature(kind).parameters if name not in IGNORED]


@st.composite
def options_of(draw, kind):
    options = {name: draw(OPTIONS[name]) for name in option_names(kind)}
    if options.get("nesterov"):
        assume(options["momentum"] > 0 and options["dampening"] == 0)
    return options


def fast(function):
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    decorate = settings(
        max_examples=12, deadline=None, derandomize=True, suppress_health_check=checks
    )
    return decorate(function)


def precision(kind):
    """PyTorch keeps NAdam's product of momenta in float32."""
    return 1e-5 if kind is optim.NAdam else 1e-10


def test_all_of_pytorchs_options_are_there_or_left_out_on_purpose():
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    for kind in ALL:
        theirs = inspect.signature(getattr(torch.optim, kind.__name__)).parameters
        ours = inspect.signature(kind).parameters
        left_out = set(theirs) - set(ours)
        assert left_out <= {"foreach", "capturable", "differentiable", "fused"}, kind
        assert set(ours) <= set(theirs), kind
        for name in ours:
            assert ours[name].default == theirs[name].default, (kind, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", STEPPED)
@fast
@given(data=st.data())
def test_same_as_pytorch(kind, dtype, device, data):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    options = data.draw(options_of(kind))
    second = data.draw(options_of(kind)) if kind is not optim.Adagrad else options
    missing = data.draw(st.sampled_from([0.0, 0.3]))
    ours = make_params(device, dtype)
    theirs = make_torch_params(torch, dtype)

    def groups(params):
        return [{"params": params[:3], **options}, {"params": params[3:], **second}]

    optimizer = kind(groups(ours), **options)
    reference = getattr(torch.optim, kind.__name__)(groups(theirs), foreach=False, **options)
    for step in range(30):
        grads = gradients(ours, step, missing=missing)
        give(ours, grads)
        give_torch(torch, theirs, grads)
        if step == 20:
            for param_groups in (optimizer.param_groups, reference.param_groups):
                param_groups[1]["lr"] = 0.01
        optimizer.step()
        reference.step()
    tolerance = 1e-4 if dtype == np.float32 else precision(kind)
    for a, b in zip(values(ours), theirs):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=tolerance, atol=tolerance)
    mine, expected = flat_state(optimizer.state_dict()), reference.state_dict()["state"]
    assert mine.keys() == expected.keys()
    for i, state in mine.items():
        assert state.keys() == expected[i].keys()
        for name, value in state.items():
            assert value.shape == tuple(expected[i][name].shape)
            np.testing.assert_allclose(
                value, expected[i][name].numpy(), rtol=tolerance, atol=tolerance, err_msg=name
            )


@pytest.mark.parametrize("kind", STEPPED)
@fast
@given(data=st.data())
def test_resumes_exactly(kind, device, data):
    options = data.draw(options_of(kind))
    missing = data.draw(st.sampled_from([0.0, 0.3]))

    def train(params, optimizer, steps):
        for step in steps:
            give(params, gradients(params, step, missing=missing))
            optimizer.step()

    params = make_params(device)
    optimizer = kind(params, **options)
    train(params, optimizer, range(7))
    saved, weights = optimizer.state_dict(), values(params)
    train(params, optimizer, range(7, 15))

    again = [on_device(w, device, True) for w in weights]
    resumed = kind(again, lr=0.5)
    resumed.load_state_dict(saved)
    train(again, resumed, range(7, 15))
    for a, b in zip(values(again), values(params)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", STEPPED)
@fast
@given(data=st.data())
def test_state_travels_to_pytorch_and_back(kind, device, data):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    options = data.draw(options_of(kind))
    theirs = make_torch_params(torch, np.float64)
    reference = getattr(torch.optim, kind.__name__)(theirs, **options)
    for step in range(3):
        give_torch(torch, theirs, gradients(theirs, step))
        reference.step()
    ours = [on_device(p.detach().numpy(), device, True) for p in theirs]
    optimizer = kind(ours)
    optimizer.load_state_dict(reference.state_dict())
    for step in range(3, 6):
        give(ours, gradients(ours, step))
        optimizer.step()
    state = optimizer.state_dict()
    for entry in state["state"].values():
        entry.update({k: torch.tensor(array_of(v)) for k, v in entry.items()})
    back = [torch.tensor(v, requires_grad=True) for v in values(ours)]
    returned = getattr(torch.optim, kind.__name__)(back)
    returned.load_state_dict(state)
    for step in range(6, 9):
        give_torch(torch, back, gradients(back, step))
        returned.step()
    for step in range(3, 9):
        give_torch(torch, theirs, gradients(theirs, step))
        reference.step()
    for a, b in zip(back, theirs):
        np.testing.assert_allclose(
            a.detach(), b.detach(), rtol=precision(kind), atol=precision(kind)
        )


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_learns_and_keeps_dtype_and_shape(kind, dtype, device):
    target = np.linspace(-1, 1, 6).reshape(2, 3)
    p = on_device(np.zeros((2, 3), dtype), device, True)
    goal = on_device(target.astype(dtype), device)
    # The steps of Adadelta begin small; those of Adagrad become small.
    rates = {"Adadelta": 20.0, "Adagrad": 0.3, "LBFGS": 0.5, "RAdam": 0.1, "SGD": 0.1}
    lr = rates.get(kind.__name__, 0.03)
    optimizer = kind([p], lr=lr)

    def closure():
        optimizer.zero_grad()
        error = p - goal
        loss = (error * error).sum()
        loss.backward()
        return loss

    first = float(closure())
    for _ in range(100):
        optimizer.step(closure)
        assert p.array.dtype == dtype
        assert p.shape == (2, 3)
    assert float(closure()) < 0.1 * first


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay", "momentum", "alpha", "rho", "betas"])
def test_bad_options_are_refused_as_in_pytorch(kind, name):
    torch = torch_or_none()
    if torch is None or name not in inspect.signature(kind).parameters:
        pytest.skip("not applicable")
    bad = {name: (0.9, 1.0) if name == "betas" else -1}
    with pytest.raises(ValueError, match="Invalid") as theirs:
        getattr(torch.optim, kind.__name__)(make_torch_params(torch), **bad)
    with pytest.raises(ValueError, match="Invalid") as ours:
        kind(make_params("cpu"), **bad)
    assert str(ours.value) == str(theirs.value)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="Nesterov momentum requires"):
        optim.SGD(make_params("cpu"), nesterov=True)
