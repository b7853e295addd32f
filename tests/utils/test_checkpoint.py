"""Activation checkpointing: the same gradients with less memory."""

import numpy as np
import pytest
from opcheck import torch_or_none

import gpunet
from gpunet import nn
from gpunet.backend import CPU
from gpunet.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def network(device, dropout=0.0, norm=False):
    gpunet.manual_seed(1)
    layers = []
    for _ in range(4):
        layers += [nn.Linear(6, 6), nn.Tanh()]
        layers += [nn.BatchNorm1d(6)] if norm else []
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers).to(device)


def input_for(device, requires_grad=True):
    x = gpunet.tensor(np.random.default_rng(0).standard_normal((5, 6)), dtype=gpunet.float32)
    return x.to(device).requires_grad_(requires_grad)


def gradients(run, model, x):
    gpunet.manual_seed(7)
    y = run(model, x)
    (y * y).sum().backward()
    found = [p.grad for p in model.parameters()] + ([x.grad] if x.requires_grad else [])
    return [y.detach().cpu().numpy(), *[grad.cpu().numpy() for grad in found]]


def parts(model, x, **options):
    half = len(model) // 2
    x = checkpoint(model[:half], x, **options)
    return checkpoint(model[half:], x, **options)


def nested(model, x):
    return checkpoint(lambda x: parts(model, x), x)


RUNS = {
    "whole": lambda model, x: checkpoint(model, x),
    "parts": parts,
    "nested": nested,
    "sequential": lambda model, x: checkpoint_sequential(model, 2, x),
    "list": lambda model, x: checkpoint_sequential([model[:3], model[3:6], model[6:]], 3, x),
}


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("run", RUNS)
def test_gradients_are_the_same_bits(device, run, requires_grad, dropout):
    want = gradients(
        lambda model, x: model(x), network(device, dropout), input_for(device, requires_grad)
    )
    after = gpunet.get_rng_state()
    got = gradients(RUNS[run], network(device, dropout), input_for(device, requires_grad))
    assert gpunet.get_rng_state() == after
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("run", RUNS)
def test_mixed_precision(device, run, inside):
    """Also with weights that were rounded before the checkpoint, and backward within a block."""
    results = []
    for function in (lambda model, x: model(x), RUNS[run]):
        model, x = network(device, 0.5), input_for(device)
        gpunet.manual_seed(7)
        with gpunet.autocast(device, gpunet.float16):
            y = function(model, model(x))
        with gpunet.autocast(device, gpunet.float16, enabled=inside):
            y.float().square().sum().backward()
        results.append([y.dtype.name, *[p.grad.tolist() for p in (*model.parameters(), x)]])
    assert results[0][0] == "float16"
    assert results[0] == results[1]


def test_a_forward_pass_in_full_precision_stays_so(device):
    model, x = network(device), input_for(device)
    want = gradients(lambda model, x: model(x), model, x)
    model, x = network(device), input_for(device)
    y = checkpoint(model, x)
    with gpunet.autocast(device):
        (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), want[-1])


def test_random_numbers_are_not_preserved_when_told_so():
    x = gpunet.ones(1000, requires_grad=True)
    y = checkpoint(lambda x: nn.functional.dropout(x) * x, x, preserve_rng_state=False)
    before = gpunet.get_rng_state()
    y.sum().backward()
    assert gpunet.get_rng_state() != before


def test_flat_gradients_of_an_optimiser(device):
    results = []
    for run in (lambda model, x: model(x), parts):
        model = network(device)
        optimizer = gpunet.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            run(model, input_for(device)).square().sum().backward()
            optimizer.step()
        results.append([p.detach().cpu().numpy() for p in model.parameters()])
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


def test_several_outputs_and_other_arguments(device):
    def function(x, factor, *, shift, names):
        return {"sum": (x * x).sum() * factor, names[0]: [x + shift, None, "text"]}

    for use in (["sum"], ["b"], ["sum", "b"]):
        results = []
        for call in (lambda f, *a, **k: f(*a, **k), checkpoint):
            x = input_for(device)
            shift = gpunet.ones(6, device=device, requires_grad=True)
            out = call(function, x * 2, 3.0, shift=shift, names=("b",))
            assert out["b"][1:] == [None, "text"]
            values = {"sum": out["sum"], "b": out["b"][0].square().sum()}
            sum(values[name] for name in use).backward()
            results.append([t.grad is not None and t.grad.tolist() for t in (x, shift)])
        assert results[0] == results[1]


def test_a_closure_over_a_tensor_with_history(device):
    x = input_for(device)
    h = x.exp()
    checkpoint(lambda: (h * h).sum()).backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), 2 * np.exp(2 * x.detach().cpu().numpy()), 1e-5)


def test_autograd_grad_and_hooks(device):
    x = input_for(device)
    h = x * 1
    seen = []
    h.register_hook(lambda grad: seen.append(grad.shape))
    (dx,) = gpunet.autograd.grad(checkpoint(gpunet.exp, h).sum(), x)
    np.testing.assert_allclose(dx.cpu().numpy(), np.exp(x.detach().cpu().numpy()), rtol=1e-6)
    assert x.grad is None
    assert seen == [(5, 6)]


def test_an_argument_that_the_function_changes_in_place(device):
    def function(h):
        h.relu_()
        return h * h

    x = input_for(device)
    checkpoint(function, x * 3).sum().backward()
    values = x.detach().cpu().numpy()
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.where(values > 0, 18 * values, 0), 1e-6)


def test_without_a_tape():
    calls = []
    x = input_for("cpu")
    with gpunet.no_grad():
        y = checkpoint(lambda x: calls.append(1) or x * 2, x)
    assert not y.requires_grad
    assert calls == [1]
    assert not checkpoint(lambda x: x * 2, gpunet.ones(3)).requires_grad


def test_backward_within_no_grad():
    x = input_for("cpu")
    y = checkpoint(gpunet.exp, x).sum()
    with gpunet.no_grad():
        y.backward()
    assert x.grad is not None


def test_running_statistics_move_twice():
    moved = []
    for run in (lambda model, x: model(x), RUNS["whole"]):
        model = network("cpu", norm=True)
        gradients(run, model, input_for("cpu"))
        moved.append(int(model[2].num_batches_tracked))
    assert moved == [1, 2]


def test_retain_graph_and_a_second_backward(device):
    runs = []
    x = input_for(device)
    y = checkpoint(lambda x: runs.append(1) or (x * x).exp().sum(), x)
    y.backward(retain_graph=True)
    first = x.grad.cpu().numpy().copy()
    y.backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), 2 * first)
    assert len(runs) == 3
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_an_error_in_the_second_run_surfaces():
    state = {"runs": 0}

    def function(x):
        state["runs"] += 1
        if state["runs"] == 2:
            raise ValueError("the second run")
        return x.exp()

    x = input_for("cpu")
    y = (checkpoint(function, x * 2) * 1).sum()
    with pytest.raises(ValueError, match="the second run"):
        y.backward(retain_graph=True)
    assert x.grad is None
    y.backward()  # nothing half done was left
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(2 * x.detach().numpy()), rtol=1e-6)


@pytest.mark.parametrize("second", [lambda x: x.exp(), lambda x: (x[:2] * x[:2]).sum() + x])
def test_another_second_run_is_an_error(second):
    functions = iter([lambda x: x * x, second])
    y = checkpoint(lambda x: next(functions)(x), input_for("cpu"))
    with pytest.raises(CheckpointError, match="something else"):
        y.sum().backward()


@pytest.mark.parametrize("which", ["argument", "parameter"])
def test_a_change_since_the_forward_pass_is_an_error(device, which):
    x, w = input_for(device), gpunet.ones(5, 6, device=device, requires_grad=True)
    y = checkpoint(lambda x: x * w, x).sum()
    with gpunet.no_grad():
        (x if which == "argument" else w).add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_change_within_the_function_is_none():
    def function(x):
        h = x * 2
        with gpunet.no_grad():
            z = gpunet.zeros(5, 6)
            z.add_(1)
        return h * z

    x = input_for("cpu")
    checkpoint(function, x).sum().backward()
    assert (x.grad.numpy() == 2).all()


def test_what_is_refused():
    x = input_for("cpu")
    with pytest.raises(NotImplementedError, match="use_reentrant"):
        checkpoint(gpunet.exp, x, use_reentrant=True)
    with pytest.raises(ValueError, match="nonsense"):
        checkpoint_sequential([gpunet.exp], 1, x, nonsense=1)
    for segments in (0, 3):
        with pytest.raises(ValueError, match="from 1 to 2"):
            checkpoint_sequential([gpunet.exp, gpunet.tanh], segments, x)


def test_the_peak_of_memory_is_lower():
    layers = [nn.Linear(64, 64) for _ in range(16)]
    steps = [step for layer in layers for step in (layer, gpunet.tanh)]
    x = gpunet.ones(1024, 64)  # 256 KiB for each result
    peaks = []
    for run in (
        lambda: checkpoint_sequential(steps, 1, x),
        lambda: checkpoint_sequential(steps, 4, x),
    ):
        before = CPU.pool.used_bytes
        CPU.pool.reset_peak()
        run().sum().backward()
        peaks.append(CPU.pool.peak_bytes - before)
    assert peaks[1] < 0.6 * peaks[0]


def test_nothing_is_uploaded_or_waited_for(cuda):
    standin = pytest.importorskip("cupy._standin")
    model, x = network(cuda, 0.5), input_for(cuda)
    parts(model, x).sum().backward()
    standin.reset()
    parts(model, x).sum().backward()
    assert (standin.uploads, standin.synchronisations) == (0, 0)


def test_against_pytorch():
    torch = torch_or_none()
    if torch is None:
        pytest.skip("PyTorch is not installed")
    from torch.utils.checkpoint import checkpoint_sequential as theirs

    model, x = network("cpu"), input_for("cpu")
    got = gradients(RUNS["sequential"], model, x)
    twin = torch.nn.Sequential(
        *[m for _ in range(4) for m in (torch.nn.Linear(6, 6), torch.nn.Tanh())]
    )
    twin.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    tx = torch.tensor(x.detach().numpy(), requires_grad=True)
    y = theirs(twin, 2, tx, use_reentrant=False)
    y.square().sum().backward()
    want = [y.detach(), *[p.grad for p in twin.parameters()], tx.grad]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-6)
