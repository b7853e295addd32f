"""L-BFGS against PyTorch's, on Rosenbrock's valley and on least squares."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none
from optimcheck import make_params

from gpunet import optim

SETTINGS = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 4},
    {"line_search_fn": "strong_wolfe", "lr": 0.1, "max_eval": 3},
    {"lr": 0.002},
    {"lr": 0.01, "history_size": 2, "max_iter": 3},
]


def problem(p, q):
    """A valley in p, of shape (2, 2), and a parabola in q, of shape (3,)."""
    x, y = p[0], p[1]
    a = 1 - x
    b = y - x * x
    return (a * a + 10 * b * b).sum() + (q * q * q * q + q * q).sum()


STARTS = [np.array([[-1.2, 0.5], [1.0, 2.0]]), np.array([0.5, -1.0, 2.0])]


def closure_of(optimizer, params):
    def closure():
        optimizer.zero_grad()
        loss = problem(*params)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("options", SETTINGS)
def test_same_as_pytorch(options, device):
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    ours = [on_device(x, device, True) for x in STARTS]
    theirs = [torch.tensor(x, requires_grad=True) for x in STARTS]
    optimizer, reference = optim.LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)
    for _ in range(4):
        loss = optimizer.step(closure_of(optimizer, ours))
        expected = reference.step(closure_of(reference, theirs))
        np.testing.assert_allclose(float(loss), float(expected.detach()), rtol=1e-6, atol=1e-9)
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(array_of(a), b.detach().numpy(), rtol=1e-5, atol=1e-7)
    mine, state = optimizer.state_dict()["state"][0], reference.state_dict()["state"][0]
    assert mine["func_evals"] == state["func_evals"]
    assert mine["n_iter"] == state["n_iter"]
    assert set(mine) == set(state) - {"al"}
    assert mine["d"].shape == (7,)


@pytest.mark.parametrize("options", SETTINGS[:2])
def test_resumes_exactly_and_from_pytorch(options, device):
    params = [on_device(x, device, True) for x in STARTS]
    optimizer = optim.LBFGS(params, **options)
    optimizer.step(closure_of(optimizer, params))
    again = [on_device(array_of(p), device, True) for p in params]
    resumed = optim.LBFGS(again)
    resumed.load_state_dict(optimizer.state_dict())
    for _ in range(2):
        optimizer.step(closure_of(optimizer, params))
        resumed.step(closure_of(resumed, again))
    for a, b in zip(params, again):
        np.testing.assert_array_equal(array_of(a), array_of(b))

    torch = torch_or_none()
    if torch is None:
        return
    theirs = [torch.tensor(x, requires_grad=True) for x in STARTS]
    reference = torch.optim.LBFGS(theirs, **options)
    reference.step(closure_of(reference, theirs))
    again = [on_device(p.detach().numpy(), device, True) for p in theirs]
    resumed = optim.LBFGS(again)
    resumed.load_state_dict(reference.state_dict())
    for _ in range(2):
        reference.step(closure_of(reference, theirs))
        resumed.step(closure_of(resumed, again))
    for a, b in zip(again, theirs):
        np.testing.assert_allclose(array_of(a), b.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_finds_the_minimum_in_float32(device):
    params = [on_device(x.astype(np.float32), device, True) for x in STARTS]
    optimizer = optim.LBFGS(params, line_search_fn="strong_wolfe")
    for _ in range(5):
        optimizer.step(closure_of(optimizer, params))
    np.testing.assert_allclose(array_of(params[0]), 1, atol=1e-2)
    np.testing.assert_allclose(array_of(params[1]), 0, atol=1e-3)


def test_moved_parameters_go_on(device):
    ours = [on_device(x.astype(np.float32), device, True) for x in STARTS]
    optimizer = optim.LBFGS(ours, max_iter=3, lr=0.01)
    optimizer.step(closure_of(optimizer, ours))
    for p in ours:
        p.array = p.array.astype(np.float64)
        p.grad = p.grad_buffer = None
    before = float(problem(*ours))
    optimizer.step(closure_of(optimizer, ours))
    assert ours[0].array.dtype == np.float64
    assert float(problem(*ours)) < before


def test_a_parameter_without_gradient_stays(device):
    params = [*(on_device(x, device, True) for x in STARTS), on_device(np.ones(2), device, True)]
    optimizer = optim.LBFGS(params, lr=0.01)
    optimizer.step(closure_of(optimizer, params[:2]))
    np.testing.assert_array_equal(array_of(params[2]), 1)


def test_errors():
    params = make_params("cpu")
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": params[:1]}, {"params": params[1:]}])
    with pytest.raises(ValueError, match="one device and dtype"):
        optim.LBFGS([params[0], make_params("cpu", np.float64)[1]])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS(params, line_search_fn="armijo")
