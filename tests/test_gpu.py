"""What only a real GPU can tell: waiting, streams, precision, sizes beyond 32 bits, memory."""

import numpy as np
import pytest

import gpunet
from gpunet import nn, optim
from gpunet.datasets import load_digits

pytestmark = pytest.mark.gpu

GIGABYTE = 1 << 30


@pytest.fixture
def cupy(cuda):
    import cupy

    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    yield cupy
    pool.free_all_blocks()


def needs_memory(cupy, size):
    free, _ = cupy.cuda.runtime.memGetInfo()
    if free < size:
        pytest.skip(f"needs {size / GIGABYTE:.0f} GB of GPU memory, {free / GIGABYTE:.0f} are free")


def make_training(device, batch=64, kind=optim.Adam):
    """A function that trains for one step on digits, and the parameters."""
    gpunet.manual_seed(0)
    X, y = (gpunet.from_numpy(a).to(device) for a in load_digits()[:2])
    X = X.reshape(len(X), -1)
    model = nn.Sequential(
        nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10)
    ).to(device)
    optimizer = kind(model.parameters(), lr=0.001)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.1)
    starts = iter(range(0, len(X) - batch, batch))

    def step():
        start = next(starts)
        optimizer.zero_grad()
        loss = loss_function(model(X[start : start + batch]), y[start : start + batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    return step, list(model.parameters())


def test_training_step_asks_for_no_synchronisation(cupy):
    import cupyx

    step, _ = make_training("cuda")
    losses = [step(), step()]
    with cupyx.allow_synchronize(False):
        losses += [step() for _ in range(3)]
    assert all(np.isfinite(float(loss)) for loss in losses)


def test_training_steps_return_before_the_work_before_them_is_done(cupy):
    step, _ = make_training("cuda")
    for _ in range(3):
        step()
    A = cupy.full((8192, 8192), 1e-4, "float32")
    B = cupy.dot(A, A)
    stream = cupy.cuda.get_current_stream()
    stream.synchronize()
    for _ in range(60):  # a second or so on the fastest GPU of today
        cupy.dot(A, A, B)
    loss = [step() for _ in range(3)][-1]
    assert not stream.done
    assert np.isfinite(float(loss))


def test_training_on_another_stream_gives_the_same_bits(cupy):
    def train():
        step, parameters = make_training("cuda")
        for _ in range(10):
            step()
        return [p.detach().cpu().numpy() for p in parameters]

    expected = train()
    with cupy.cuda.Stream(non_blocking=True):
        got = train()
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


def test_training_agrees_with_the_cpu():
    # Not with Adam: the bias before the batch norm has the gradient 0 but for rounding errors,
    # and Adam makes whole steps of them.
    runs = {}
    for device in ("cpu", "cuda"):
        step, parameters = make_training(device, kind=optim.SGD)
        losses = [float(step()) for _ in range(15)]
        runs[device] = losses, [p.detach().cpu().numpy() for p in parameters]
    np.testing.assert_allclose(*(losses for losses, _ in runs.values()), rtol=1e-4)
    for a, b in zip(*(parameters for _, parameters in runs.values())):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
def test_products_of_float32_are_not_rounded_to_tf32(cupy, transposed):
    A, B = (gpunet.randn(1024, 1024, device="cuda") for _ in range(2))
    exact = A.double() @ (B.T if transposed else B).double()
    error = (A @ (B.T if transposed else B)).double() - exact
    # Rounding to TF32 (10 bits) gives 0.02; sums of float32 some 1e-5.
    assert float(error.abs().max()) < 1e-3


def test_elements_beyond_32_bits_of_matrices(cupy):
    from gpunet.kernels import cuda as kernels

    M, N = (1 << 21) + 1, 1024
    needs_memory(cupy, 3 * 4 * M * N)
    X = cupy.full((M, N), -1.0, "float32")
    X[-1] = cupy.arange(N)
    bias = cupy.full(N, 0.5, "float32")
    kernels.KERNELS["bias_act_forward"](X, bias, 1, X)
    np.testing.assert_array_equal(X[-1].get(), np.arange(N) + 0.5)
    assert float(X[:-1].max()) == 0.0
    X.fill(1.0)
    db = cupy.empty(N, "float32")
    kernels.KERNELS["bias_act_backward"](X, X, 0, X, db)
    np.testing.assert_allclose(db.get(), M, rtol=1e-5)
    X[-1] = 0
    Y = cupy.empty_like(X)
    kernels.KERNELS["softmax_forward"](X, Y)
    np.testing.assert_allclose(Y[-1].get(), 1 / N, rtol=1e-5)


def test_elements_beyond_32_bits_of_flat_arrays(cupy):
    from gpunet.kernels import cuda as kernels

    n = (1 << 31) + 5
    needs_memory(cupy, 2 * 4 * n)
    X, norm = cupy.ones(n, "float32"), cupy.empty(1, "float64")
    kernels.KERNELS["sum_of_squares"](X, norm)
    assert float(norm[0]) == n
    state = cupy.asarray(np.array([1, 0, 0], np.int64))
    kernels.KERNELS["dropout"](X, 0.5, state, 0, X)
    assert set(np.unique(X[-1000:].get())) == {0.0, 2.0}
    kernels.KERNELS["philox_uniform"](X, 3.0, 4.0, state, 0)
    tail = X[-1000:].get()
    assert tail.min() >= 3.0
    assert tail.max() <= 4.0
    assert len(np.unique(tail)) > 900


def test_out_of_memory_says_how_much_was_asked_for_and_work_goes_on(cupy):
    _, total = cupy.cuda.runtime.memGetInfo()
    # Twice the GPU's memory, as a float32 has 4 bytes.
    with pytest.raises((MemoryError, RuntimeError), match=r"(?i)out of memory.*\d"):
        gpunet.empty(total // 2, device="cuda")
    assert float(gpunet.ones(3, device="cuda").sum()) == 3


def test_every_gpu_computes(cupy):
    for number in range(gpunet.cuda.device_count()):
        x = gpunet.full((300, 40), 2.0, device=f"cuda:{number}")
        assert x.device.index == number
        y = nn.functional.gelu(x)
        assert y.device.index == number
        np.testing.assert_allclose(y.cpu().numpy(), 1.9545, rtol=1e-4)
