"""What only a real GPU can tell: waiting, streams, precision, sizes beyond 32 bits, memory."""

import time

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


# -- products by cuBLASLt ---------------------------------------------------------------------
@pytest.fixture
def cublaslt(cupy):
    from gpunet.backend import Device, backend_for

    be = backend_for(Device("cuda"))
    if be.cublaslt is None:
        pytest.skip(f"without cuBLASLt: {be.without_cublaslt}")
    return be


@pytest.mark.parametrize("name", ["BIAS", "RELU_BIAS", "RELU_AUX_BIAS", "GELU_AUX_BIAS",
                                  "DRELU_BGRAD", "DGELU_BGRAD", "BGRADB"])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_cublaslt_has_the_epilogues(cublaslt, cupy, name, dtype):
    """Nothing is wrong where it has not, but more is launched; says where that is."""
    from gpunet.backend.cublaslt_problem import Epilogue, gelu_ld, relu_ld

    A, B, out = (cupy.ones((256, 256), dtype) for _ in range(3))
    aux, ld = None, 0
    if "RELU" in name and name != "RELU_BIAS":
        ld = relu_ld(256)
        aux = cupy.zeros((256, ld // 8), "uint8")
    elif "GELU" in name:
        ld = gelu_ld(256)
        aux = cupy.zeros((256, ld), dtype)
    left = A.T if name == "BGRADB" else A
    bias = cupy.zeros(256, dtype)
    if not cublaslt.cublaslt.fused(left, B, out, getattr(Epilogue, name), bias, aux, ld):
        pytest.skip(f"cuBLASLt has no {name} of {dtype} here")
    assert bool(cupy.isfinite(out).all())


def test_what_relu_makes_of_nan(cublaslt, cupy):
    """Whichever way it is computed."""
    X, W, b = (cupy.ones(s, "float32") for s in ((128, 64), (256, 64), (256,)))
    X[3, 5] = cupy.nan
    for Y in (cublaslt.affine(X, W, b, 1), cublaslt.activated(X, W, b, 1)[0]):
        assert bool(cupy.isnan(Y[3]).all())
        assert int(cupy.isnan(Y).sum()) == 256


@pytest.mark.parametrize("between", [nn.ReLU(), nn.GELU("tanh")])
@pytest.mark.parametrize("sizes", [(128, 784, 128, 10), (33, 20, 130, 7), (4096, 512, 2048, 512)])
def test_two_layers_in_six_products_agree_with_the_cpu(cublaslt, between, sizes):
    R, K, N, M = sizes
    runs = []
    for device in ("cpu", "cuda"):
        gpunet.manual_seed(0)
        model = nn.Sequential(nn.Linear(K, N), between, nn.Linear(N, M)).to(device)
        x = gpunet.randn(R, K).to(device).requires_grad_()
        y = model(x)
        (y * y).mean().backward()
        runs.append([t.detach().cpu().numpy() for t in (y, x.grad)])
        runs[-1] += [p.grad.cpu().numpy() for p in model.parameters()]
    for a, b in zip(*runs):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(a).max())


def test_products_of_views_agree_with_cupy(cublaslt, cupy):
    rng = np.random.default_rng(0)
    A = cupy.asarray(rng.standard_normal((4, 129, 6, 40)).astype("float32"))
    heads = A.transpose(0, 2, 1, 3)
    for left, right in (
        (heads, heads.swapaxes(-1, -2)),
        (heads.swapaxes(-1, -2), heads),
        (A[:, 1::2], A[:, 1::2].swapaxes(-1, -2)),
        (A[..., 3:17], A[..., 3:17].swapaxes(-1, -2)),
        (cupy.broadcast_to(heads[:1], heads.shape), heads.swapaxes(-1, -2)),
    ):
        expected = cupy.matmul(left.astype("float64"), right.astype("float64"))
        got = cublaslt.batched_gemm(left, right)
        cupy.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fallback", [False, True])
def test_high_precision_is_tf32_and_faster(cublaslt, cupy, monkeypatch, fallback):
    if int(cupy.cuda.Device().compute_capability) < 80:
        pytest.skip("this GPU has no TF32")
    if fallback:
        monkeypatch.setitem(vars(cublaslt), "cublaslt", None)
    A, B = (cupy.random.uniform(-1, 1, (4096, 4096)).astype("float32") for _ in range(2))
    exact = cupy.dot(A[:64].astype("float64"), B.astype("float64"))
    errors, times = {}, {}
    try:
        for name in ("highest", "high"):
            gpunet.set_float32_matmul_precision(name)
            out = cublaslt.gemm(A, B)
            errors[name] = float(abs(out[:64] - exact).max())
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            for _ in range(10):
                cublaslt.gemm(A, B, out)
            end.record()
            end.synchronize()
            times[name] = cupy.cuda.get_elapsed_time(start, end)
    finally:
        gpunet.set_float32_matmul_precision("highest")
    assert errors["highest"] < 1e-3 < errors["high"] < 0.5
    assert times["high"] < times["highest"]


def test_products_are_as_fast_as_those_of_cupy(cublaslt, cupy):
    """The layouts are right if no product is much slower than cuBLAS's own choice."""
    for M, K, N in ((4096, 4096, 4096), (128, 784, 128), (8192, 576, 64)):
        A, B = cupy.ones((M, K), "float32"), cupy.ones((N, K), "float32").T
        out = cupy.empty((M, N), "float32")
        times = []
        for multiply in (cublaslt.gemm, cupy.dot):
            multiply(A, B, out)
            start, end = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            for _ in range(50):
                multiply(A, B, out)
            end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(start, end))
        assert times[0] < 1.5 * times[1]


def test_a_captured_product_gives_the_same_bits(cublaslt, cupy):
    A = cupy.random.uniform(-1, 1, (300, 200)).astype("float32")
    b = cupy.ones(300, "float32")
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        expected = cublaslt.affine(A, A, b, 0), cublaslt.batched_gemm(A[None], A.T[None])
        stream.synchronize()
        stream.begin_capture()
        got = cublaslt.affine(A, A, b, 0), cublaslt.batched_gemm(A[None], A.T[None])
        graph = stream.end_capture()
        graph.launch(stream)
        stream.synchronize()
    for x, y in zip(got, expected):
        np.testing.assert_array_equal(x.get(), y.get())


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


def make_passes(device, batch):
    """A function that does the forward and backward pass of digits, and its input and labels."""
    gpunet.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10))
    model = model.to(device)
    loss_function = nn.CrossEntropyLoss()
    parameters = list(model.parameters())

    def passes(x, y):
        model.zero_grad()
        loss = loss_function(model(gpunet.as_tensor(x)), gpunet.as_tensor(y))
        loss.backward()
        return [loss.detach().array, *(p.grad.array for p in parameters)]

    return passes, ((batch, 64), "float32"), ((batch,), "int64")


def without_cublaslt():
    from gpunet.backend.cuda import CUDA

    return CUDA.cublaslt is None


def digits(start, batch):
    X, y = load_digits()[:2]
    X = X.reshape(len(X), -1).astype("float32")
    return X[start : start + batch], y[start : start + batch].astype("int64")


def test_a_captured_graph_computes_what_the_eager_passes_do(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph

    if without_cublaslt():
        pytest.skip("CuPy's matrix products cannot be captured")
    passes, *kinds = make_passes("cuda", 64)
    graph = Graph(Device("cuda", 0))
    inputs = [graph.input(*kind) for kind in kinds]
    for buffer, array in zip(inputs, digits(0, 64)):
        graph.feed(buffer, array)
    graph.warm_up(passes, *inputs)
    captured = graph.capture(passes, *inputs)
    for start in range(64, 1000, 64):
        for buffer, array in zip(inputs, digits(start, 64)):
            graph.feed(buffer, array)
        graph.replay()
        got = [a.get() for a in captured]
        eager = passes(*(cupy.asarray(a) for a in digits(start, 64)))
        for a, b in zip(got, eager):
            np.testing.assert_allclose(a, b.get(), rtol=1e-4, atol=1e-6)


def test_a_capture_does_nothing_and_its_kernels_may_be_new(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph

    graph = Graph(Device("cuda", 0))
    x, total = graph.input((1000,), "float32"), cupy.zeros(1000, "float32")
    graph.feed(x, np.ones(1000, "float32"))
    # Compiled, loaded, and given memory in the relaxed mode of capture: no warm-up.
    kernel = cupy.ElementwiseKernel(
        "float32 x", "float32 y", f"y = x * 2 + {time.time_ns()} * 0.0f", "unseen"
    )

    def work():
        cupy.add(total, kernel(x), out=total)
        return cupy.sort(x), x.sum(), x[cupy.argsort(x)], cupy.cumsum(x)

    results = graph.capture(work)
    assert float(total.sum()) == 0
    for k in range(1, 4):
        graph.replay()
        assert float(total.sum()) == 2000 * k
    for got, expected in zip(results, (np.ones(1000), 1000, np.ones(1000), np.arange(1, 1001))):
        np.testing.assert_array_equal(got.get(), expected)


def test_what_cupy_refuses_to_capture_leaves_the_gpu_usable(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph
    from gpunet.errors import CaptureError

    graph = Graph(Device("cuda", 0))
    x = cupy.ones((64, 64), "float32")
    stream = cupy.cuda.get_current_stream
    for refused in (
        lambda: float(x.sum()),
        lambda: cupy.asarray(np.ones(3)),
        lambda: x[np.array([0, 1])],
        lambda: x[x > 0],
        lambda: cupy.dot(x, x),
        lambda: stream().synchronize(),
        lambda: stream().done,
        lambda: cupy.get_default_memory_pool().malloc(1000),
    ):
        with pytest.raises(CaptureError):
            graph.capture(refused)
        assert float(cupy.dot(x, x)[0, 0]) == 64
    y = graph.capture(lambda: x * 3)
    graph.replay()
    assert float(y.sum()) == 3 * 64 * 64


def test_replays_return_before_the_work_before_them_is_done(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph

    graph = Graph(Device("cuda", 0))
    x = graph.input((64, 64), "float32")
    y = graph.capture(lambda: cupy.exp(x) + 1)
    batches = [cupy.full((64, 64), k, "float32") for k in range(2)]
    A = cupy.full((8192, 8192), 1e-4, "float32")
    B = cupy.dot(A, A)
    stream = cupy.cuda.get_current_stream()
    for k in range(2):  # page-locked memory is made
        graph.feed(x, np.full((64, 64), k, "float32"))
    stream.synchronize()
    for _ in range(60):
        cupy.dot(A, A, B)
    for batch in batches:
        graph.feed(x, batch)
        graph.replay()
    graph.feed(x, np.full((64, 64), 2, "float32"))
    graph.replay()
    assert not stream.done
    np.testing.assert_allclose(y.get(), np.exp(2) + 1, rtol=1e-6)


def test_a_replay_costs_less_than_the_passes(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph

    if without_cublaslt():
        pytest.skip("CuPy's matrix products cannot be captured")
    passes, *kinds = make_passes("cuda", 64)
    graph = Graph(Device("cuda", 0))
    inputs = [graph.input(*kind) for kind in kinds]
    arrays = [cupy.asarray(a) for a in digits(0, 64)]

    def replay():
        for buffer, array in zip(inputs, arrays):
            graph.feed(buffer, array)
        graph.replay()

    def seconds(call):
        for _ in range(10):
            call()
        cupy.cuda.Device().synchronize()
        start = time.perf_counter()
        for _ in range(100):
            call()
        cupy.cuda.Device().synchronize()
        return time.perf_counter() - start

    eager = seconds(lambda: passes(*arrays))
    for buffer, array in zip(inputs, arrays):
        graph.feed(buffer, array)
    graph.warm_up(passes, *inputs)
    graph.capture(passes, *inputs)
    assert seconds(replay) < 0.5 * eager


def test_graphs_of_several_streams_and_memory_pressure(cupy):
    from gpunet.backend import Device
    from gpunet.backend.cuda_graph import Graph

    graphs = [Graph(Device("cuda", 0)) for _ in range(3)]
    inputs = [graph.input((1 << 20,), "float32") for graph in graphs]
    outputs = [
        graph.capture(lambda x=x: ((x + 1) * 2 - 1).sum()) for graph, x in zip(graphs, inputs)
    ]
    junk = []
    for k in range(20):
        for i, (graph, x) in enumerate(zip(graphs, inputs)):
            graph.feed(x, np.full(1 << 20, k + i, "float32"))
            graph.replay()
        junk = [cupy.full(1 << 20, np.nan, "float32") for _ in range(5)]  # takes what is free
        for i, y in enumerate(outputs):
            assert float(y) == (2 * (k + i) + 1) * (1 << 20)
    del junk
