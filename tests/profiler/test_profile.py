"""`gpunet.profiler.profile`: what it sees, how it adds up, and that it leaves nothing behind."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import gpunet
from gpunet import nn, optim, profiler
from gpunet.autograd import Function, Operation, engine
from gpunet.backend import CPU, Device, backend_for


class Small:
    """Training steps of two dense layers and dropout, with Adam, on one mini-batch."""

    def __init__(self, device):
        gpunet.manual_seed(3)
        self.model = nn.Sequential(
            nn.Linear(20, 33), nn.Tanh(), nn.Dropout(0.2), nn.Linear(33, 7)
        ).to(device)
        self.x = gpunet.randn(12, 20, device=device)
        self.y = gpunet.randint(0, 7, (12,), device=device)
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)

    def step(self):
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def counts(p, *categories):
    return {x.key: x.count for x in p.key_averages().only(*categories)}


def in_place(device):
    """All that a profile replaces."""
    be = backend_for(Device(device))
    forms = type(CPU.kernels_for(0))
    steps = [vars(kind).get("step") for kind in (optim.Optimizer, optim.SGD, optim.LBFGS)]
    return [
        vars(Operation)["forward"], vars(Operation)["__call__"], vars(Function)["apply"],
        engine._step, *steps, vars(be).get("gemm"), vars(be).get("batched_gemm"),
        dict(vars(be.kernels)), vars(forms).get("__getattribute__"),
    ]  # fmt: skip


def test_names_and_counts(device):
    small = Small(device)
    with profiler.profile(device) as p:
        for _ in range(3):
            small.step()
    assert counts(p, "operation") == {"linear": 6, "dropout": 3, "cross_entropy": 3}
    assert counts(p, "backward") == {
        "linear backward": 6, "dropout backward": 3, "cross_entropy backward": 3,
    }  # fmt: skip
    assert counts(p, "optimizer") == {"Optimizer.step#Adam.step": 3}
    assert counts(p, "product") == {"gemm": 15}  # no gradient of the input
    kernels = counts(p, "kernel")
    assert kernels["adam_step"] == 3
    # cuBLASLt adds a bias in the product itself.
    joined = getattr(backend_for(Device(device)), "cublaslt", None) is not None
    assert kernels["bias_act_forward"] == (3 if joined else 6)


def test_products_and_kernels_lie_in_operations(device):
    small = Small(device)
    with profiler.profile(device) as p:
        small.step()
    gemms = [e for e in p.events() if e.name == "gemm"]
    assert [e.parent.name for e in gemms[:2]] == ["linear", "linear"]
    assert {e.parent.name for e in gemms[2:]} == {"linear backward"}
    assert gemms[0].shapes == [(12, 20), (20, 33)]
    assert gemms[0].flops == 2 * 12 * 20 * 33
    assert gemms[0].nbytes == 4 * (12 * 20 + 20 * 33 + 12 * 33)  # the bias is added by a kernel
    first = next(e for e in p.events() if e.name == "linear")
    assert first.flops == gemms[0].flops
    assert first.nbytes > gemms[0].nbytes  # and those of the bias and the activation
    step = next(e for e in p.events() if e.name == "adam_step")
    assert step.parent.name == "Optimizer.step#Adam.step"


def test_times_add_up(device):
    small = Small(device)
    with profiler.profile(device) as p:
        for _ in range(3):
            with profiler.record_function("step"):
                small.step()
    averages = p.key_averages()
    whole = next(x for x in averages if x.key == "step")
    assert all(x.self_time_total >= 0 for x in averages)
    assert sum(x.self_time_total for x in averages) == pytest.approx(whole.time_total)
    assert sum(x.self_cpu_time_total for x in averages) <= p.seconds * 1e6
    assert all(x.self_time_total <= x.time_total for x in averages)
    assert averages.total == pytest.approx(whole.time_total)


def test_self_time_leaves_out_what_is_inside():
    with profiler.profile("cpu") as p, profiler.record_function("outer"):
        time.sleep(0.01)
        with profiler.record_function("inner"):
            time.sleep(0.03)
    outer, inner = p.key_averages()
    assert outer.time_total == pytest.approx(outer.self_time_total + inner.time_total)
    assert inner.self_time_total >= 30_000
    assert outer.self_time_total >= 10_000


def test_a_range_inside_its_like_counts_once_in_the_total():
    @profiler.record_function("fall")
    def fall(depth):
        time.sleep(0.002)
        if depth:
            fall(depth - 1)

    with profiler.profile("cpu") as p:
        fall(2)
    (average,) = p.key_averages()
    assert average.count == 3
    assert average.time_total == pytest.approx(average.self_time_total)


def test_results_are_the_same_bits(device):
    plain, profiled = Small(device), Small(device)
    for small in (plain, profiled):
        gpunet.manual_seed(1)
        if small is plain:
            small.losses = [small.step().cpu().numpy().tobytes() for _ in range(4)]
        else:
            with profiler.profile(device):
                small.losses = [small.step().cpu().numpy().tobytes() for _ in range(4)]
    assert plain.losses == profiled.losses
    for a, b in zip(plain.model.parameters(), profiled.model.parameters()):
        np.testing.assert_array_equal(a.detach().cpu().numpy(), b.detach().cpu().numpy())


def test_mixed_precision(device):
    """`autocast` replaces functions too; the two may begin and end in any order."""
    with gpunet.autocast(device):  # bfloat16 stays known from here on
        pass
    before = in_place(device)
    layer, x = nn.Linear(20, 33).to(device), gpunet.randn(12, 20, device=device)
    p = profiler.profile(device)
    with gpunet.autocast(device):
        p.start()
        layer(x)
    loss = layer(x).sum()
    with gpunet.autocast(device):
        layer(x)
        loss.backward()
        p.stop()
        layer(x)
    assert in_place(device) == before
    assert counts(p, "operation")["linear"] == 3
    assert counts(p, "product") == {"gemm": 4}
    assert counts(p, "backward")["linear backward"] == 1


def test_nothing_is_left_behind(device):
    before = in_place(device)
    with profiler.profile(device):
        assert in_place(device) != before
        Small(device).step()
    assert in_place(device) == before


def test_nothing_is_left_behind_by_an_exception(device):
    before = in_place(device)
    p = profiler.profile(device)
    with pytest.raises(RuntimeError), p:
        gpunet.ones(2, 3, device=device) @ gpunet.ones(2, 3, device=device)
    assert in_place(device) == before
    with pytest.raises(ZeroDivisionError), p, profiler.record_function("broken"):
        Small(device).step() / (1 // 0)
    assert in_place(device) == before
    assert "broken" in counts(p, "user")


def test_profiles_cannot_be_nested():
    with profiler.profile("cpu") as outer:
        with pytest.raises(RuntimeError, match="another profile is active"):
            profiler.profile("cpu").start()
        gpunet.ones(3) + 1
    assert counts(outer, "operation") == {"add": 1}


def test_nothing_is_shown_of_a_profile_that_has_not_ended():
    p = profiler.profile("cpu")
    for ask in (p.key_averages, p.events, p.stop):
        with pytest.raises(RuntimeError, match=r"before"):
            ask()
    with p, pytest.raises(RuntimeError, match="before the profile has ended"):
        p.key_averages()
    assert p.key_averages() == []


def test_nothing_waits_for_the_gpu(cuda):
    import cupy

    if not hasattr(cupy, "_standin"):
        pytest.skip("counts waits on the stand-in")
    small = Small(cuda)
    small.step()
    with profiler.profile(cuda) as p:
        cupy._standin.reset()
        small.step()
        assert cupy._standin.synchronisations == 0
        assert cupy._standin.uploads == 0
    assert list(cupy.cuda.nvtx._pushed)[-len(p.events()) :] == [e.name for e in p.events()]
    with pytest.raises(RuntimeError, match="no range is open"):
        cupy.cuda.nvtx.RangePop()


def test_the_gpu_is_measured_where_one_was_used(cuda):
    gpunet.ones(3, device=cuda)
    with profiler.profile() as p:
        gpunet.ones(3, device=cuda) + 1
    assert p.device == Device("cuda")
    (average,) = p.key_averages()
    assert average.count == 1
    assert average.cpu_time_total > 0


def test_ranges_that_are_open_at_the_end(device):
    left_open = profiler.record_function("open")
    with profiler.profile(device) as p:
        left_open.__enter__()
    left_open.__exit__(None, None, None)
    assert counts(p, "user") == {"open": 1}
    with profiler.record_function("nobody looks"):
        pass


def test_threads_do_not_lie_in_each_other():
    def work():
        with profiler.record_function("beside"):
            gpunet.ones(3) * 2

    with profiler.profile("cpu") as p, profiler.record_function("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    beside = next(e for e in p.events() if e.name == "beside")
    assert beside.parent is None
    assert next(e for e in p.events() if e.name == "mul").parent is beside


def test_functions_of_the_user(device):
    class Square(gpunet.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            return 2 * ctx.saved_tensors[0] * dy

    x = gpunet.ones(5, device=device).requires_grad_()
    with profiler.profile(device) as p:
        Square.apply(x).sum().backward()
    assert counts(p, "operation")["Square"] == 1
    assert counts(p, "backward")["Square backward"] == 1
    assert x.grad.tolist() == [2.0] * 5


def test_views_move_no_bytes(device):
    x = gpunet.ones(64, 32, device=device)
    with profiler.profile(device) as p:
        x.reshape(32, 64).t()
        x + x
    averages = {x.key: x for x in p.key_averages().only("operation")}
    assert averages["add"].nbytes == 3 * 64 * 32 * 4
    assert [x.nbytes for x in averages.values() if x.key != "add"] == [0, 0]


def test_what_is_picked_out_counts_and_not_the_whole(device):
    table = gpunet.randn(1000, 16, device=device)
    rows = gpunet.arange(5, device=device)
    with profiler.profile(device) as p:
        nn.functional.embedding(rows, table)
        table[rows]
    averages = {x.key: x for x in p.key_averages().only("operation")}
    picked = 5 * 16 * 4
    assert averages["embedding"].nbytes == 2 * picked + 5 * 8
    assert 2 * picked <= averages["getitem"].nbytes <= 2 * picked + 5 * 8


def test_a_convolution_counts_its_windows(device):
    layer = nn.Conv2d(3, 8, 3, padding=1, bias=False).to(device)
    x = gpunet.randn(2, 3, 6, 6, device=device).requires_grad_()
    with profiler.profile(device) as p:
        layer(x).sum().backward()
    averages = {x.key: x for x in p.key_averages()}
    once = 2 * (2 * 6 * 6) * 8 * 3 * 3 * 3
    assert averages["conv"].flops == once
    assert averages["conv backward"].flops == 2 * once


def test_an_optimizer_of_the_users_own_counts_once(device):
    class Mine(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    small = Small(device)
    small.optimizer = Mine(small.model.parameters(), lr=0.1)
    with profiler.profile(device) as p:
        small.step()
    assert counts(p, "optimizer") == {"Optimizer.step#Mine.step": 1}


def test_a_function_that_is_kept_goes_on_working(device):
    with profiler.profile(device) as p:
        kept = backend_for(Device(device)).gemm
    array = gpunet.ones(3, 3, device=device).array
    assert float(kept(array, array).sum()) == 27
    assert p.key_averages() == []


def test_the_table(device):
    small = Small(device)
    with profiler.profile(device) as p:
        small.step()
    averages = p.key_averages()
    peaks = profiler.measure_peaks(device, side=32, copied=1 << 12, repeats=2)
    assert peaks.gflops > 0
    assert peaks.gbytes > 0
    assert str(peaks).startswith("measured peaks: ")
    table = averages.table(sort_by="count", row_limit=3, peaks=peaks)
    lines = table.splitlines()
    rows = [line.split()[0] for line in lines[lines.index(next(x for x in lines if "─" in x)) + 1 :]
            if line.strip()]  # fmt: skip
    assert rows[0] == "gemm"
    assert len(rows) == 3
    assert "%)" in table
    assert ("host" in table) == (device == "cuda")
    assert len(averages.table(row_limit=-1).splitlines()) > len(averages)
    with pytest.raises(ValueError, match="sort_by: expected one of self_time_total"):
        averages.table(sort_by="price")
