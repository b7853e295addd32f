"""What gpunet.cuda says about memory, and the error when there is none left."""

import gc
import pickle

import numpy as np
import pytest

import gpunet
from gpunet import nn
from gpunet.backend.probe import CudaProbe

MEGABYTE = 1 << 20
BLOCK = 512


@pytest.fixture(autouse=True)
def settled():
    gc.collect()


@pytest.fixture
def limit(cuda):
    """A function that leaves CuPy's pool so many bytes more than it has given out."""
    import cupy

    pool = cupy.get_default_memory_pool()
    gpunet.zeros(1, device=cuda)
    pool.free_all_blocks()
    yield lambda spare: pool.set_limit(pool.total_bytes() + spare)
    pool.set_limit(0)


def test_what_is_in_arrays(cuda):
    before = gpunet.cuda.memory_allocated()
    x = gpunet.zeros(MEGABYTE, dtype=gpunet.uint8, device=cuda)
    assert gpunet.cuda.memory_allocated() == before + MEGABYTE
    assert gpunet.cuda.memory_allocated(0) == gpunet.cuda.memory_allocated("cuda:0")
    assert gpunet.cuda.memory_reserved() >= gpunet.cuda.memory_allocated()
    del x
    assert gpunet.cuda.memory_allocated() == before
    gpunet.cuda.empty_cache()
    free, total = gpunet.cuda.mem_get_info()
    assert 0 < free <= total


def test_peaks(cuda):
    gpunet.cuda.reset_peak_memory_stats()
    before = gpunet.cuda.memory_allocated()
    assert gpunet.cuda.max_memory_allocated() == before
    for _ in range(3):
        x = gpunet.zeros(MEGABYTE, dtype=gpunet.uint8, device=cuda)
        y = gpunet.zeros(2 * MEGABYTE, dtype=gpunet.uint8, device=cuda)
        del x, y
    assert gpunet.cuda.memory_allocated() == before
    assert gpunet.cuda.max_memory_allocated() == before + 3 * MEGABYTE
    held = gpunet.cuda.max_memory_reserved()
    assert held >= before + 3 * MEGABYTE
    gpunet.cuda.empty_cache()
    assert gpunet.cuda.max_memory_reserved() == held
    gpunet.cuda.reset_peak_memory_stats()
    assert gpunet.cuda.max_memory_allocated() == before
    assert gpunet.cuda.max_memory_reserved() == gpunet.cuda.memory_reserved()


def test_releases_in_another_thread_do_not_raise_the_peak(cuda):
    from threading import Thread

    gpunet.cuda.reset_peak_memory_stats()
    before = gpunet.cuda.memory_allocated()
    for _ in range(3):
        held = [gpunet.zeros(MEGABYTE, dtype=gpunet.uint8, device=cuda)]
        thread = Thread(target=held.clear)
        thread.start()
        thread.join()
    assert gpunet.cuda.max_memory_allocated() == before + MEGABYTE


def test_a_peak_that_nobody_began_to_count(cuda, monkeypatch):
    from gpunet.backend import device_memory

    monkeypatch.setattr(device_memory, "_PEAKS", {})
    x = gpunet.zeros(10, device=cuda)
    assert "not counted" in gpunet.cuda.memory_summary()
    with pytest.warns(UserWarning, match="counted from now on"):
        now = gpunet.cuda.max_memory_allocated()
    assert now == gpunet.cuda.memory_allocated() >= x.nbytes
    y = gpunet.zeros(10, device=cuda)
    del y
    assert gpunet.cuda.max_memory_allocated() == now + BLOCK


def test_checkpoints_lower_the_peak(cuda):
    from gpunet.utils.checkpoint import checkpoint_sequential

    x = gpunet.ones(256, 256, device=cuda, requires_grad=True)
    steps = [gpunet.tanh] * 16
    peaks = []
    for segments in (1, 4):
        x.grad = None
        gpunet.cuda.reset_peak_memory_stats()
        before = gpunet.cuda.memory_allocated()
        checkpoint_sequential(steps, segments, x).sum().backward()
        peaks.append(gpunet.cuda.max_memory_allocated() - before)
    assert peaks[1] < 0.7 * peaks[0]


def test_the_summary(cuda):
    gpunet.cuda.reset_peak_memory_stats()
    lines = gpunet.cuda.memory_summary().splitlines()
    assert [line[:22].strip() for line in lines] == [
        "memory of cuda:0",
        "in arrays",
        "kept for reuse",
        "held by this process",
        "free",
        "in all",
    ]
    assert len(gpunet.cuda.memory_summary("cuda:0", abbreviated=True).splitlines()) == 4
    with pytest.raises(ValueError, match="expected a GPU, got cpu"):
        gpunet.cuda.memory_summary("cpu")
    with pytest.raises(gpunet.errors.DeviceError, match="does not exist"):
        gpunet.cuda.memory_allocated(99)


def test_without_a_gpu(monkeypatch):
    none = CudaProbe(False, "the driver reports no GPU")
    monkeypatch.setattr("gpunet.cuda.probe_cuda", lambda: none)
    monkeypatch.setattr("gpunet.backend.probe_cuda", lambda: none)
    for name in (
        "memory_allocated",
        "memory_reserved",
        "max_memory_allocated",
        "max_memory_reserved",
    ):
        assert getattr(gpunet.cuda, name)() == 0
    gpunet.cuda.reset_peak_memory_stats()
    gpunet.cuda.empty_cache()
    for function in (gpunet.cuda.mem_get_info, gpunet.cuda.memory_summary):
        with pytest.raises(gpunet.errors.DeviceError, match="reports no GPU"):
            function()


def to_the_gpu():
    return gpunet.zeros(8 * MEGABYTE, dtype=gpunet.uint8).to("cuda")


def an_operation():
    x = gpunet.ones(512, 512, device="cuda")
    return [x.exp() for _ in range(9)]


def a_method_without_a_tape():
    x = gpunet.ones(1024, 1, device="cuda")
    return (x == x.reshape(1, -1)).to(gpunet.float64)


def a_backward_pass():
    layers = nn.Sequential(*[nn.Linear(512, 512) for _ in range(4)]).to("cuda")
    layers(gpunet.ones(4, 512, device="cuda")).sum().backward()


@pytest.mark.parametrize(
    "what", [to_the_gpu, an_operation, a_method_without_a_tape, a_backward_pass]
)
def test_out_of_memory(limit, what):
    import cupy

    limit(6 * MEGABYTE)
    with pytest.raises(gpunet.cuda.OutOfMemoryError) as caught:
        what()
    message = str(caught.value)
    for text in (
        "CUDA out of memory on cuda:0: tried to allocate ",
        " MiB are free" if "MiB are free" in message else " GiB are free",
        "CuPy's pool is limited to ",
        "This process holds ",
        "Lower the batch size",
        "gpunet.utils.checkpoint",
        "gpunet.cuda.empty_cache()",
    ):
        assert text in message
    # PyTorch's kind, and CuPy's, for whoever catches that.
    assert isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value, cupy.cuda.memory.OutOfMemoryError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == message
    assert gpunet.OutOfMemoryError is gpunet.cuda.OutOfMemoryError


def test_what_was_asked_is_said(limit):
    limit(MEGABYTE)
    with pytest.raises(gpunet.cuda.OutOfMemoryError, match=r"allocate 3\.00 MiB; "):
        gpunet.empty(3 * MEGABYTE, dtype=gpunet.uint8, device="cuda")


def test_work_goes_on_after_the_error(limit, cuda):
    limit(MEGABYTE)
    x = gpunet.ones(100, device=cuda, requires_grad=True)
    with pytest.raises(gpunet.cuda.OutOfMemoryError):
        (x.reshape(-1, 1) * gpunet.ones(1, 10000, device=cuda)).sum().backward()
    assert x.grad is None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), np.full(100, 2, "float32"))
