"""Steps whose work on a GPU is captured: on the stand-in, or on a real one."""

import numpy as np
import pytest

import gpunet
import gpunet.nn.functional as F
from gpunet import nn, optim
from gpunet.errors import CaptureError


def make_model(device):
    gpunet.manual_seed(0)
    return nn.Sequential(
        nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4)
    ).to(device)


def make_batches(device, count, batch=12):
    rng = np.random.default_rng(1)
    return [
        (
            gpunet.tensor(rng.standard_normal((batch, 20)).astype("float32"), device=device),
            gpunet.tensor(rng.integers(0, 4, batch), device=device),
        )
        for _ in range(count)
    ]


def make_step(device, optimizer_class=optim.Adam):
    model = make_model(device)
    optimizer = optimizer_class(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        return {"loss": loss, "norm": norm}

    return model, optimizer, step


def trained(device, compiled, optimizer_class=optim.Adam, calls=7):
    model, optimizer, step = make_step(device, optimizer_class)
    if compiled:
        step = gpunet.compile(step)
    results = []
    for x, y in make_batches(device, calls):
        result = step(x, y)
        results.append({name: value.item() for name, value in result.items()})
    state = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
    return results, state, optimizer.param_groups[0]["lr"], gpunet.get_rng_state()


@pytest.mark.parametrize("optimizer_class", [optim.SGD, optim.Adam, optim.RMSprop])
def test_a_captured_step_trains_as_an_eager_one(cuda, optimizer_class):
    eager = trained(cuda, False, optimizer_class)
    captured = trained(cuda, True, optimizer_class)
    for a, b in zip(eager[0], captured[0]):
        assert a == pytest.approx(b, rel=1e-5)
    for name, value in eager[1].items():
        np.testing.assert_allclose(captured[1][name], value, rtol=1e-4, atol=1e-6)
    assert eager[2:] == captured[2:]


def test_a_step_that_reads_a_value_is_an_error_with_its_line(cuda):
    model, optimizer, _ = make_step(cuda)

    @gpunet.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()  # here

    batches = make_batches(cuda, 2)
    step(*batches[0])
    with pytest.raises(CaptureError, match=r"test_graph\.py:\d+: return loss\.item\(\)"):
        step(*batches[1])


def test_with_fallback_it_runs_as_ever_with_one_warning(cuda):
    def losses(compiled):
        model, optimizer, _ = make_step(cuda)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        if compiled:
            step = gpunet.compile(step, fallback=True)
        results = []
        for i, batch in enumerate(make_batches(cuda, 5)):
            if compiled and i == 1:
                with pytest.warns(UserWarning, match="loss.item"):
                    results.append(step(*batch))
            else:
                results.append(step(*batch))
        return results, gpunet.get_rng_state()

    assert losses(True) == losses(False)


def test_switching_to_evaluation_captures_anew(cuda):
    model = make_model(cuda)

    @gpunet.compile
    @gpunet.no_grad()
    def infer(x):
        return model(x)

    x = make_batches(cuda, 1)[0][0]
    for training in (True, True, True, False, False, False, True):
        model.train(training)
        state = gpunet.get_rng_state()
        statistics = {k: v.clone() for k, v in model.state_dict().items()}
        got = infer(x).cpu().numpy().copy()
        gpunet.set_rng_state(state)
        model.load_state_dict(statistics)
        with gpunet.no_grad():
            expected = model(x).cpu().numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_a_step_without_arguments_finds_its_gpu(cuda):
    x = gpunet.ones(3, device=cuda)

    @gpunet.compile
    def grow():
        with gpunet.no_grad():
            x.mul_(2)
        return x.sum()

    assert [grow().item() for _ in range(6)] == [6.0, 12.0, 24.0, 48.0, 96.0, 192.0]


def scaled_losses(device, compiled, boom):
    model = make_model(device)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scaler = gpunet.amp.GradScaler("cuda", init_scale=2.0**10, growth_interval=2)

    def step(x, y):
        optimizer.zero_grad()
        with gpunet.autocast("cuda", dtype=gpunet.float16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    if compiled:
        step = gpunet.compile(step)
    results = []
    for i, (x, y) in enumerate(make_batches(device, 7)):
        if i == boom:
            x = x * 1e9  # infinite in float16
        results.append((step(x, y).item(), scaler.get_scale()))
    return results, [p.detach().cpu().numpy() for p in model.parameters()]


@pytest.mark.parametrize("boom", [None, 1, 4])
def test_mixed_precision_with_a_loss_scale(cuda, boom):
    eager, captured = (scaled_losses(cuda, compiled, boom) for compiled in (False, True))
    np.testing.assert_allclose(captured[0], eager[0], rtol=1e-4)
    for p, q in zip(captured[1], eager[1]):
        np.testing.assert_allclose(p, q, rtol=1e-3, atol=1e-5)


def test_gradients_that_add_up_over_calls(cuda):
    model = make_model(cuda).eval()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def accumulate(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    def parameters(function):
        for p, value in zip(model.parameters(), start):
            with gpunet.no_grad():
                p.copy_(value)
        optimizer.zero_grad()
        for i, (x, y) in enumerate(make_batches(cuda, 12)):
            function(x, y)
            if i % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
        return [p.detach().cpu().numpy().copy() for p in model.parameters()]

    start = [p.detach().clone() for p in model.parameters()]
    expected = parameters(accumulate)
    for got, want in zip(parameters(gpunet.compile(accumulate)), expected):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_after_a_failed_capture_everything_on_the_host_is_as_before(cuda):
    model = make_model(cuda)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    @gpunet.compile
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        return float(loss)

    first, second = make_batches(cuda, 2)
    step(*first)
    before = gpunet.get_rng_state(), optimizer.param_groups[0]["lr"], scheduler.last_epoch
    values = {name: x.cpu().numpy().copy() for name, x in model.state_dict().items()}
    with pytest.raises(CaptureError):
        step(*second)
    after = gpunet.get_rng_state(), optimizer.param_groups[0]["lr"], scheduler.last_epoch
    assert after == before
    assert all(p.grad is None for p in model.parameters())
    for name, x in model.state_dict().items():
        np.testing.assert_array_equal(x.cpu().numpy(), values[name])


def test_an_optimizer_of_the_users_own_is_refused(cuda):
    class Plain(optim.Optimizer):
        def step(self):
            with gpunet.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad, alpha=-group["lr"])

    weight = gpunet.ones(3, device=cuda).requires_grad_()
    optimizer = Plain([weight], {"lr": 0.1})

    @gpunet.compile
    def step(x):
        optimizer.zero_grad()
        (weight * x).sum().backward()
        optimizer.step()

    x = gpunet.ones(3, device=cuda)
    step(x)
    with pytest.raises(CaptureError, match=r"Plain\.step"):
        step(x)
    np.testing.assert_allclose(weight.detach().cpu().numpy(), 0.9)


def test_another_precision_of_products_is_captured_anew(cuda):
    model = make_model(cuda).eval()
    infer = gpunet.compile(gpunet.no_grad()(model))
    x = make_batches(cuda, 1)[0][0]
    for _ in range(3):
        exact = infer(x).clone()
    gpunet.set_float32_matmul_precision("high")
    try:
        rounded = [infer(x).clone() for _ in range(3)]
    finally:
        gpunet.set_float32_matmul_precision("highest")
    assert (rounded[0] == rounded[2]).all()
    assert (infer(x) == exact).all()
    assert len(infer._variants) == 2


def test_an_argument_that_is_changed_in_place(cuda):
    @gpunet.compile
    @gpunet.no_grad()
    def double(x, y):
        x.mul_(2)
        return x + y

    for i in range(4):
        x, y = gpunet.full((3,), 1.0 + i, device=cuda), gpunet.ones(3, device=cuda)
        total = double(x, y)
        assert x.tolist() == [2 + 2 * i] * 3
        assert y.tolist() == [1] * 3
        assert total.tolist() == [3 + 2 * i] * 3
