"""Parameter groups, state dicts and errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none
from optimcheck import give, gradients, make_params, make_torch_params, values

import gpunet
from gpunet import optim


def test_empty_parameter_list():
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.SGD([])


def test_single_tensor():
    with pytest.raises(TypeError, match="should be an iterable of Tensors or dicts"):
        optim.SGD(make_params("cpu")[0])


def test_set():
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD(set(make_params("cpu")))


def test_what_is_no_tensor():
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is int"):
        optim.SGD([1, 2])


def test_non_leaf():
    p = make_params("cpu")[0]
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([p * 2])


def test_one_parameter_in_two_groups():
    params = make_params("cpu")
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        optim.SGD([{"params": params}, {"params": params[:1]}])


def test_duplicates_are_updated_once():
    p = on_device(np.ones(2), "cpu", True)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = optim.SGD([p, p], lr=0.5)
    for _ in range(2):
        give([p], [np.ones(2)])
        optimizer.step()
    np.testing.assert_array_equal(p.array, [0.0, 0.0])
    assert optimizer.state_dict()["param_groups"][0]["params"] == [0, 0]


def test_groups_have_options_of_their_own(device):
    params = make_params(device)
    optimizer = optim.SGD([{"params": params[0]}, {"params": params[1:3], "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": iter(params[3:]), "momentum": 0.9})
    groups = optimizer.param_groups
    assert [group["lr"] for group in groups] == [0.1, 0.5, 0.1]
    assert [group["momentum"] for group in groups] == [0, 0, 0.9]
    before = values(params)
    give(params, [np.ones(p.shape) for p in params])
    optimizer.step()
    for i, (a, b) in enumerate(zip(values(params), before)):
        np.testing.assert_allclose(b - a, 0.5 if i in (1, 2) else 0.1, rtol=1e-4)


def test_named_parameters():
    params = make_params("cpu")[:2]
    optimizer = optim.SGD([("w", params[0]), ("b", params[1])])
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.param_groups[0]["params"] == params
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("w", params[0]), params[1]])
    with pytest.raises(ValueError, match="without names to the optimizer"):
        optimizer.add_param_group({"params": make_params("cpu")})


def test_closure(device):
    p = on_device(np.ones(3, np.float32), device, True)
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with gpunet.no_grad():
        assert float(optimizer.step(closure)) == 3.0
    np.testing.assert_allclose(array_of(p), 0.8, rtol=1e-6)


def test_state_is_that_of_the_next_step(device):
    params = make_params(device)
    optimizer = optim.Adam(params)
    assert not optimizer.state
    give(params, gradients(params, 0))
    optimizer.step()
    state = optimizer.state[params[0]]
    assert float(state["step"]) == 1
    state["exp_avg"].array[...] = 7
    assert (array_of(optimizer.state[params[0]]["exp_avg"]) == 7).all()
    kept = optimizer.state_dict()["state"][0]["exp_avg"]
    kept.array[...] = 8
    assert (array_of(optimizer.state[params[0]]["exp_avg"]) == 7).all()


def test_load_state_dict_refuses_what_does_not_fit():
    params = make_params("cpu")
    optimizer = optim.Adam(params)
    give(params, gradients(params, 0))
    optimizer.step()
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.Adam([{"params": params[:1]}, {"params": params[1:]}]).load_state_dict(state)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optim.Adam(params[:2]).load_state_dict(state)
    with pytest.raises(ValueError, match=r"'exp_avg' of a parameter of shape \(4,\).*\(4, 3\)"):
        optim.Adam([params[1], params[0], *params[2:]]).load_state_dict(state)


def test_state_dict_survives_json_but_for_the_tensors():
    params = make_params("cpu")[:4]
    optimizer = optim.Adam(params, betas=(0.5, 0.6))
    give(params, gradients(params, 0))
    optimizer.step()
    state = optimizer.state_dict()
    listed = {
        "state": {
            i: {name: array_of(x).tolist() for name, x in entry.items()}
            for i, entry in state["state"].items()
        },
        "param_groups": state["param_groups"],
    }
    loaded = optim.Adam(params)
    loaded.load_state_dict(json.loads(json.dumps(listed)))
    assert loaded.param_groups[0]["betas"] == (0.5, 0.6)
    for a, b in zip(loaded.state_dict()["state"].values(), state["state"].values()):
        for name in b:
            np.testing.assert_array_equal(array_of(a[name]), array_of(b[name]))


def test_repr_as_in_pytorch():
    torch = torch_or_none()
    if torch is None:
        pytest.skip("needs PyTorch")
    theirs = repr(torch.optim.SGD(make_torch_params(torch), lr=0.5)).splitlines()
    ours = repr(optim.SGD(make_params("cpu"), lr=0.5)).splitlines()
    assert ours == [line for line in theirs if line.split(":")[0].strip() not in HIDDEN]


HIDDEN = {"foreach", "fused", "differentiable"}


def test_an_optimizer_of_ones_own(device):
    class Sign(optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["n"] = state.get("n", 0) + 1
                    state["last"] = gpunet.Tensor(p.grad.array.copy())
                    p.array -= group["lr"] * p.grad.array

    params = make_params(device)
    optimizer = Sign(params)
    give(params, gradients(params, 0))
    optimizer.step()
    again = Sign(params)
    again.load_state_dict(optimizer.state_dict())
    assert again.state[params[0]]["n"] == 1
    np.testing.assert_array_equal(
        array_of(again.state[params[0]]["last"]), array_of(params[0].grad)
    )
    with pytest.raises(NotImplementedError, match=r"Optimizer\.step"):
        optim.Optimizer(params, {}).step()
