"""An inspection leaves nothing behind, bit for bit."""

from __future__ import annotations

import pytest
from opcheck import array_of

import gpunet
from gpunet import nn, optim
from gpunet.inspection import inspect


class Counting(nn.Module):
    """Sets attributes and buffers anew in its forward method."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.calls = 0
        self.register_buffer("mean", gpunet.zeros(8))

    def forward(self, x):
        self.calls += 1
        self.mean = 0.9 * self.mean + x.detach().mean(0)
        self.last = x
        return self.layer(x)


def make(device, kind=optim.Adam):
    gpunet.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        Counting(),
        nn.Tanh(),
        nn.Sequential(nn.Linear(8, 4), nn.Sigmoid()),
    ).to(device)
    model[0].bias.requires_grad_(False)
    model[5].eval()
    optimizer = kind(model.parameters(), lr=0.01)
    batches = [
        (gpunet.randn(5, 6, device=device), gpunet.rand(5, 4, device=device)) for _ in range(4)
    ]
    return model, optimizer, batches


def train(model, optimizer, batch):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()


def plain(value):
    if isinstance(value, gpunet.Tensor):
        return array_of(value).tobytes()
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    return [plain(x) for x in value] if isinstance(value, list | tuple) else value


def everything(model, optimizer):
    """All that could be changed, as bytes and identities."""
    found = {"generator": gpunet.get_rng_state(), "optimizer": plain(optimizer.state_dict())}
    found["called"] = optimizer._opt_called
    for name, module in model.named_modules():
        own = {k: id(v) for k, v in vars(module).items() if not k.startswith("_plan")}
        tables = [dict(vars(module)[t]) for t in ("_own_parameters", "_own_buffers")]
        hooks = dict(module._hooks or {})
        found[name] = own, [{k: id(v) for k, v in t.items()} for t in tables], hooks
    tensors = (*model.named_parameters(), *model.named_buffers())
    for name, x in tensors:
        gradient = None if x.grad is None else (id(x.grad), id(x.grad.array), plain(x.grad))
        found["tensor", name] = (
            plain(x), id(x.array), x.requires_grad, gradient, id(x.grad_buffer), x.hooks
        )  # fmt: skip
    return found


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
@pytest.mark.parametrize("steps", [0, 2])
def test_nothing_is_changed(kind, steps, device):
    model, optimizer, batches = make(device, kind)
    for i in range(steps):
        train(model, optimizer, batches[i])
    before = everything(model, optimizer)
    inspect(model, nn.MSELoss(), *batches[3], optimizer)
    assert everything(model, optimizer) == before
    assert not hasattr(model[4], "last") or steps


def test_training_goes_on_as_if_nothing_had_been(device):
    results = []
    for looked_at in (False, True):
        model, optimizer, batches = make(device)
        for batch in batches:
            if looked_at:
                inspect(model, nn.MSELoss(), *batches[0], optimizer)
            train(model, optimizer, batch)
        results.append(plain(dict(model.state_dict())) | {"random": gpunet.get_rng_state()})
    assert results[0] == results[1]


def test_gradients_that_wait_for_a_step_stay(device):
    results = []
    for looked_at in (False, True):
        model, optimizer, batches = make(device)
        loss = nn.functional.mse_loss(model(batches[0][0]), batches[0][1])
        if looked_at:  # between forward and backward
            inspect(model, nn.MSELoss(), *batches[1], optimizer)
        loss.backward()
        if looked_at:  # between backward and step
            inspect(model, nn.MSELoss(), *batches[1], optimizer)
        optimizer.step()
        results.append([plain(p) for p in model.parameters()])
    assert results[0] == results[1]


def test_an_error_leaves_nothing_behind_either(device):
    model, optimizer, batches = make(device)
    train(model, optimizer, batches[0])
    before = everything(model, optimizer)

    def loss_fn(output, targets):
        raise RuntimeError("no loss today")

    with pytest.raises(RuntimeError, match="no loss today"):
        inspect(model, loss_fn, *batches[1], optimizer)
    assert everything(model, optimizer) == before


def test_hooks_of_the_user_stay_and_are_called():
    model, optimizer, batches = make("cpu")
    calls = []
    model[2].register_forward_hook(lambda *arguments: calls.append("forward"))
    model[0].register_full_backward_hook(lambda *arguments: calls.append("backward"))
    model[0].weight.register_hook(lambda gradient: calls.append("gradient"))
    before = everything(model, optimizer)
    report = inspect(model, nn.MSELoss(), *batches[0], optimizer)
    assert sorted(calls) == ["backward", "forward", "gradient"]
    assert everything(model, optimizer) == before
    assert report.layer("0").delta > 0


def test_inputs_that_require_a_gradient_get_none():
    model, optimizer, batches = make("cpu")
    x, y = (t.requires_grad_() for t in batches[0])
    report = inspect(model, nn.MSELoss(), x, y, optimizer)
    assert x.grad is None
    assert y.grad is None
    assert report.layers[0].delta > 0


def test_a_loss_with_parameters_and_buffers_of_its_own():
    class Loss(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(gpunet.ones(1))
            self.register_buffer("seen", gpunet.zeros(1))

        def forward(self, output, targets):
            self.seen.add_(1)
            return nn.functional.mse_loss(output * self.scale, targets)

    model, _, batches = make("cpu")
    loss_fn = Loss()
    inspect(model, loss_fn, *batches[0])
    assert loss_fn.scale.grad is None
    assert loss_fn.seen.item() == 0


def test_the_plans_of_sequentials_are_as_fast_as_before():
    model, _, batches = make("cpu")
    inspect(model, nn.MSELoss(), *batches[0])
    model(batches[0][0])
    assert len(model[6]._plan) == 1  # joined again
    assert all(m._hooks is None for m in model.modules())
