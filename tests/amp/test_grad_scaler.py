"""`gpunet.amp.GradScaler`: scaling, skipping, growing; against PyTorch's where it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import amp, nn, optim

torch = torch_or_none()


def parameter(device: str, values: Any = (1.0, 2.0)) -> Any:
    return on_device(np.array(values, np.float32), device, requires_grad=True)


def backward(scaler: Any, p: Any, factor: Any = 3.0) -> None:
    scaler.scale((p * factor).sum()).backward()


def test_gradients_are_unscaled_before_the_step(device: str) -> None:
    p = parameter(device)
    optimizer = optim.SGD([p], lr=0.5)
    scaler = amp.GradScaler(device)
    backward(scaler, p)
    np.testing.assert_array_equal(array_of(p.grad), [3 * 65536.0] * 2)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(array_of(p.grad), [3.0, 3.0])
    np.testing.assert_array_equal(array_of(p), [-0.5, 0.5])
    assert scaler.get_scale() == 65536.0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_that_is_not_finite_skips_the_step_and_halves_the_scale(
    device: str, bad: float
) -> None:
    p, q = parameter(device), parameter(device)
    optimizer = optim.Adam([p, q], lr=0.5)
    scaler = amp.GradScaler(device, init_scale=8.0)
    backward(scaler, p)
    backward(scaler, q, on_device(np.array([1.0, bad], np.float32), device))
    assert scaler.step(optimizer) is None
    scaler.update()
    assert scaler.get_scale() == 4.0
    for x in (p, q):
        np.testing.assert_array_equal(array_of(x), [1.0, 2.0])
    assert not optimizer.state


def test_the_scale_grows_after_so_many_finite_steps(device: str) -> None:
    p = parameter(device)
    optimizer = optim.SGD([p], lr=0.0)
    scaler = amp.GradScaler(device, init_scale=4.0, growth_interval=2)
    scales = []
    for factor in (1.0, 1.0, 1.0, np.inf, 1.0, 1.0):
        optimizer.zero_grad()
        backward(scaler, p, on_device(np.array(factor, np.float32), device))
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [4.0, 8.0, 8.0, 4.0, 4.0, 8.0]


def test_the_scale_does_not_grow_to_infinity(device: str) -> None:
    p = parameter(device, [0.0])
    optimizer = optim.SGD([p], lr=0.0)
    scaler = amp.GradScaler(device, init_scale=2.0**127, growth_interval=1)
    backward(scaler, p, 0.5)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_unscale_then_clip(device: str) -> None:
    p = parameter(device)
    optimizer = optim.SGD([p], lr=1.0)
    scaler = amp.GradScaler(device)
    backward(scaler, p, 30.0)
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_([p], 1.0)
    np.testing.assert_allclose(float(norm), 30 * 2**0.5, rtol=1e-6)
    scaler.step(optimizer)
    np.testing.assert_allclose(array_of(p), np.array([1.0, 2.0]) - 0.5**0.5, rtol=1e-5)


def test_a_skipped_step_leaves_nothing_behind(device: str) -> None:
    p, q = parameter(device), parameter(device)  # with a gap between their gradients
    optimizer = optim.SGD([p, q], lr=1.0)
    scaler = amp.GradScaler(device)
    for factor in (np.nan, 1.0):
        optimizer.zero_grad()
        backward(scaler, p, on_device(np.array(factor, np.float32), device))
        backward(scaler, q, 1.0)
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_([p, q], 100.0)
        scaler.step(optimizer)
        scaler.update()
    np.testing.assert_array_equal(array_of(p), [0.0, 1.0])


def test_an_optimizer_of_ones_own_and_other_memory(device: str) -> None:
    p, q = parameter(device), parameter(device)

    class Descent(optim.Optimizer):
        def step(self, closure: Any = None) -> Any:
            with gpunet.no_grad():
                for x in self.param_groups[0]["params"]:
                    if x.grad is not None:
                        x -= x.grad
            return "done"

    optimizer = Descent([p, q], {})
    scaler = amp.GradScaler(device)
    backward(scaler, p, 1.0)
    assert scaler.step(optimizer) == "done"
    np.testing.assert_array_equal(array_of(p), [0.0, 1.0])


def test_lists_of_losses(device: str) -> None:
    scaler = amp.GradScaler(device, init_scale=2.0)
    a, b = scaler.scale([gpunet.ones(2, device=device), gpunet.ones((), device=device)])
    np.testing.assert_array_equal(array_of(a), [2.0, 2.0])
    assert float(b) == 2.0
    assert type(scaler.scale((a,))) is tuple
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(3)


def test_set_the_scale(device: str) -> None:
    scaler = amp.GradScaler(device)
    scaler.scale(gpunet.ones((), device=device))
    scaler.update(16.0)
    assert scaler.get_scale() == 16.0
    scaler.update(gpunet.full((1,), 4.0, device=device))
    assert scaler.get_scale() == 4.0
    for wrong in (gpunet.ones(2, device=device), gpunet.ones(1, requires_grad=True), "8"):
        with pytest.raises(AssertionError, match="new_scale should be a float"):
            scaler.update(wrong)


def test_off_it_does_nothing(device: str) -> None:
    p = parameter(device)
    optimizer = optim.SGD([p], lr=1.0)
    scaler = amp.GradScaler(device, enabled=False)
    backward(scaler, p, 1.0)
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(array_of(p), [0.0, 1.0])
    assert (scaler.is_enabled(), scaler.get_scale(), scaler.state_dict()) == (False, 1.0, {})
    scaler.load_state_dict({})


def test_state_round_trip(device: str) -> None:
    p = parameter(device)
    optimizer = optim.SGD([p], lr=0.0)
    first = amp.GradScaler(device, 32.0, growth_interval=3)
    backward(first, p)
    first.step(optimizer)
    first.update()
    state = first.state_dict()
    assert state == {
        "scale": 32.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3,
        "_growth_tracker": 1,
    }  # fmt: skip
    for used in (False, True):
        second = amp.GradScaler(device)
        if used:
            second.scale(p)
        second.load_state_dict(state)
        assert second.state_dict() == state
        second.scale(p)
        assert second.state_dict() == state
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        second.load_state_dict({})
    if torch is not None:
        theirs = torch.amp.GradScaler("cpu")
        theirs.load_state_dict(state)
        assert theirs.state_dict() == state


def _update_first(s: Any, o: Any, p: Any) -> None:
    s.update()


def _step_first(s: Any, o: Any, p: Any) -> None:
    s.step(o)


def _unscale_first(s: Any, o: Any, p: Any) -> None:
    s.unscale_(o)


def _unscale_twice(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum()).backward()
    s.unscale_(o)
    s.unscale_(o)


def _unscale_after_step(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum()).backward()
    s.step(o)
    s.unscale_(o)


def _step_twice(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum()).backward()
    s.step(o)
    s.step(o)


def _update_without_step(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum()).backward()
    s.update()


def _no_gradients(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum())
    s.step(o)


def _closure(s: Any, o: Any, p: Any) -> None:
    s.scale(p.sum()).backward()
    s.step(o, closure=lambda: None)


MISUSES = [
    (_update_first, AssertionError, "Attempted update but _scale is None."),
    (_step_first, AssertionError, "Attempted step but _scale is None."),
    (_unscale_first, AssertionError, "Attempted unscale_ but _scale is None."),
    (_unscale_twice, RuntimeError, "unscale_\\(\\) has already been called on this optimizer"),
    (_unscale_after_step, RuntimeError, "unscale_\\(\\) is being called after step\\(\\)."),
    (_step_twice, RuntimeError, "step\\(\\) has already been called since the last update\\(\\)."),
    (_update_without_step, AssertionError, "No inf checks were recorded prior to update."),
    (_no_gradients, AssertionError, "No inf checks were recorded for this optimizer."),
    (_closure, RuntimeError, "Closure use is not currently supported if GradScaler is enabled."),
]


@pytest.mark.parametrize(("misuse", "error", "words"), MISUSES)
def test_calls_in_the_wrong_order_are_pytorchs_errors(
    device: str, misuse: Callable[..., None], error: type[Exception], words: str
) -> None:
    p = parameter(device)
    with pytest.raises(error, match=words) as ours:
        misuse(amp.GradScaler(device), optim.SGD([p], lr=0.1), p)
    if torch is not None:
        t = torch.tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(error) as theirs:
            misuse(torch.amp.GradScaler("cpu"), torch.optim.SGD([t], lr=0.1), t)
        assert str(ours.value) == str(theirs.value)


def test_settings_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"The growth factor must be > 1.0."):
        amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match=r"The backoff factor must be < 1.0."):
        amp.GradScaler("cpu", backoff_factor=1.0)


def test_getters_and_setters() -> None:
    scaler = amp.GradScaler("cpu")
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(7)
    assert scaler.get_growth_factor() == 3.0
    assert scaler.get_backoff_factor() == 0.25
    assert scaler.get_growth_interval() == 7


def network(device: str) -> nn.Sequential:
    gpunet.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3),
    ).to(device)  # fmt: skip


def test_a_network_learns_as_in_float32(device: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 48)
    images = rng.normal(size=(48, 1, 8, 8)).astype(np.float32) * 0.3
    for n, label in enumerate(labels):
        images[n, 0, :, 2 * label + 1] += 1
    x, y = on_device(images, device), on_device(labels, device)
    ends = {}
    for mixed in (False, True):
        model = network(device)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        # So high that the first steps overflow float16 and are skipped.
        scaler = amp.GradScaler(device, init_scale=2.0**24, enabled=mixed)
        for _ in range(40):
            optimizer.zero_grad()
            with gpunet.autocast(device, gpunet.float16, enabled=mixed):
                output = model(x)
                loss = nn.functional.cross_entropy(output, y)
            assert output.dtype == (np.float16 if mixed else np.float32)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            scaler.step(optimizer)
            scaler.update()
        ends[mixed] = float(loss)
        assert all(p.dtype == np.float32 for p in model.parameters())
        if mixed:
            assert scaler.get_scale() < 2.0**24
    assert ends[False] < 0.1
    assert abs(ends[True] - ends[False]) < 0.05


def test_only_the_step_waits_for_the_device_and_once(cuda: str) -> None:
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    model = network(cuda)
    x = gpunet.randn(6, 1, 8, 8, device=cuda)
    y = gpunet.randint(0, 3, (6,), device=cuda)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scaler = amp.GradScaler(cuda)
    for _ in range(3):
        cupy._standin.reset()
        optimizer.zero_grad()
        with gpunet.autocast("cuda"):
            loss = nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        waits = cupy._standin.synchronisations
        scaler.step(optimizer)
        read = cupy._standin.synchronisations - waits
        scaler.update()
    # In the last round: buffers are made, kernels compiled.
    assert (waits, read) == (0, 1)
    assert cupy._standin.synchronisations == 1
    assert cupy._standin.uploads == 0, cupy._standin.history
