"""The stand-in's capture of streams: what is recorded, and what is refused as CUDA and CuPy do."""

import gc

import numpy as np
import pytest

cupy = pytest.importorskip("cupy")
if not getattr(cupy, "__standin__", False):
    pytest.skip("tests of the stand-in itself", allow_module_level=True)

import cupyx  # noqa: E402

CUDARuntimeError = cupy.cuda.runtime.CUDARuntimeError
X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def stream():
    stream = cupy.cuda.Stream(non_blocking=True)
    yield stream
    if stream._capture is not None:
        with pytest.raises(CUDARuntimeError):
            stream.end_capture()


class Captured:
    """The graph of ``function()`` and what it gave, in memory of a pool of its own."""

    def __init__(self, stream, function):
        self.pool = cupy.cuda.MemoryPool()
        with stream, cupy.cuda.using_allocator(self.pool.malloc):
            stream.begin_capture()
            self.result = function()
            self.graph = stream.end_capture()


def raw(x):
    y = cupy.empty_like(x)
    kernel = cupy.RawKernel(
        r"""extern "C" __global__ void twice(const float* x, float* y, int n) {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < n) y[i] = 2 * x[i];
        }""",
        "twice",
    )
    kernel((1,), (32,), (x, y, np.int32(x.size)))
    return y


ELEMENTWISE = cupy.ElementwiseKernel("float32 x, float32 a", "float32 y", "y = a * x", "scaled")
SUM = cupy.ReductionKernel("float32 x", "float32 y", "x", "a + b", "y = a", "0", "summed")


def accumulate(x):
    y = cupy.zeros((3, 4), "float32")
    y += x
    y[1] = x[0]
    cupyx.scatter_add(y, x[0].astype("int64") % 3, 1.0)
    y.sort(axis=1)
    return y


WORK = {
    "raw kernel": raw,
    "elementwise kernel": lambda x: ELEMENTWISE(x, np.float32(3)),
    "reduction kernel": lambda x: SUM(x, axis=1),
    "ufuncs": lambda x: (x + 1) * cupy.exp(-x) / x.T.reshape(3, 4).astype("float64"),
    "results of two": lambda x: cupy.divmod(x, np.float32(5))[1],
    "reductions": lambda x: [x.sum(), x.max(axis=0), cupy.argmax(x, axis=1), x.any()],
    "views": lambda x: cupy.split(x, 2, axis=1)[1][::-1].copy(),
    "fills": lambda x: [cupy.full((2,), 7.0), cupy.ones_like(x), cupy.arange(5)],
    "indices": lambda x: [x[x[:, 0].astype("int64") % 3], cupy.take(x, x[0].astype("int32") % 12)],
    "joining": lambda x: [cupy.concatenate([x, x]), cupy.stack([x, x]), cupy.where(x > 3, x, 0)],
    "in place": accumulate,
    "copies": lambda x: [cupy.array(x), x.flatten(), x.T.ravel(), cupy.ascontiguousarray(x.T)],
    "out": lambda x: [cupy.sum(x, 1, out=cupy.empty(3, "float32")), cupy.exp(x, out=x * 0)],
}


@pytest.mark.parametrize("name", WORK)
def test_work_is_recorded_and_done_by_each_launch(stream, name):
    work = WORK[name]
    x = cupy.asarray(X)
    captured = Captured(stream, lambda: work(x))
    got = captured.result if isinstance(captured.result, list) else [captured.result]
    np.testing.assert_array_equal(x.get(), X)
    for y in got:
        if y.dtype.kind == "f":
            assert np.isnan(y.get()).all()
    for values in (X, X[::-1] + 1, 0 * X + 2):
        x[...] = cupy.asarray(values)
        captured.graph.launch()
        expected = work(cupy.asarray(values))
        expected = expected if isinstance(expected, list) else [expected]
        for y, z in zip(got, expected, strict=True):
            np.testing.assert_array_equal(y.get(), z.get())
            assert y.dtype == z.dtype
            assert y.strides == z.strides


def test_numbers_of_python_are_frozen(stream):
    x, factor = cupy.asarray(X), [2.0]
    captured = Captured(stream, lambda: x * factor[0])
    factor[0] = 3.0
    captured.graph.launch()
    np.testing.assert_array_equal(captured.result.get(), 2 * X)


READS = {
    "get": lambda x: x.get(),
    "item": lambda x: x[0, 0].item(),
    "bool": lambda x: bool(x[0, 0]),
    "float": lambda x: float(x.sum()),
    "nonzero": lambda x: cupy.nonzero(x),
    "mask": lambda x: x[x > 3],
    "where": lambda x: cupy.where(x > 3),
    "unique": lambda x: cupy.unique(x),
    "repr": repr,
}


@pytest.mark.parametrize("name", READS)
def test_reads_are_refused_and_the_capture_goes_on(stream, name):
    x = cupy.asarray(X)
    with stream:
        stream.begin_capture()
        # The error keeps what was recorded before it alive, which the launch works on.
        with pytest.raises(RuntimeError, match="the current stream is capturing") as refused:
            READS[name](x)
        y = x + 1
        graph = stream.end_capture()
    gc.collect()
    graph.launch()
    np.testing.assert_array_equal(y.get(), X + 1)
    assert "so D2H" in str(refused.value)


@pytest.mark.parametrize("kind", ["asarray", "list", "index", "pinned"])
def test_copies_from_the_host_are_refused(stream, kind):
    x = cupy.asarray(X)
    memory = cupy.cuda.alloc_pinned_memory(X.nbytes)
    pinned = np.frombuffer(memory, np.float32, X.size).reshape(X.shape)
    calls = {
        "asarray": lambda: cupy.asarray(X),
        "list": lambda: cupy.array([1, 2, 3]),
        "index": lambda: x[[0, 1]],
        "pinned": lambda: x.set(pinned, stream=stream),
    }
    with stream:
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="the current stream is capturing, so H2D"):
            calls[kind]()
        if kind == "pinned":  # a stream that does not capture
            x.set(pinned + 1, stream=cupy.cuda.Stream(non_blocking=True))
        stream.end_capture()


@pytest.mark.parametrize("name", ["dot", "matmul", "tensordot", "inner", "operator", "svd"])
def test_libraries_are_refused(stream, name):
    x = cupy.asarray(X)
    calls = {
        "operator": lambda: x @ x.T,
        "svd": lambda: cupy.linalg.svd(x),
        "matmul": lambda: cupy.matmul(x, x.T),
    }
    call = calls.get(name) or (lambda: getattr(cupy, name)(x[0], x[0]))
    with stream:
        stream.begin_capture()
        with pytest.raises(NotImplementedError, match="API during stream capture"):
            call()
        stream.end_capture()


WAITS = {
    "stream": (lambda s, e: s.synchronize(), "cudaErrorStreamCaptureUnsupported"),
    "device": (lambda s, e: cupy.cuda.Device().synchronize(), "cudaErrorStreamCaptureUnsupported"),
    "event": (lambda s, e: e.synchronize(), "cudaErrorCapturedEvent"),
    "done": (lambda s, e: s.done, None),
    "event done": (lambda s, e: e.done, None),
    "another stream's event": (
        lambda s, e: s.wait_event(cupy.cuda.Stream.null.record()),
        "cudaErrorStreamCaptureIsolation",
    ),
}


@pytest.mark.parametrize("name", WAITS)
def test_waiting_spoils_the_capture(stream, name):
    wait, error = WAITS[name]
    x = cupy.asarray(X)
    with stream:
        stream.begin_capture()
        y = x + 1
        event = stream.record()
        if error is None:
            assert wait(stream, event) is False
        else:
            with pytest.raises(CUDARuntimeError, match=error):
                wait(stream, event)
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
            x + 1
        with pytest.raises(RuntimeError, match="an error has invalidated the capture"):
            stream.is_capturing()
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
            stream.end_capture()
        assert not stream.is_capturing()
        y = x + 1
        stream.synchronize()
    np.testing.assert_array_equal(y.get(), X + 1)


def test_streams_that_cannot_capture(stream):
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        cupy.cuda.Stream.null.begin_capture()
    with pytest.raises(CUDARuntimeError, match="cudaErrorIllegalState"):
        stream.end_capture()
    blocking = cupy.cuda.Stream()
    x = cupy.asarray(X)
    blocking.begin_capture()
    with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureImplicit"):
        x + 1
    with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
        blocking.end_capture()


def test_a_second_stream_joins_and_has_to_be_joined(stream):
    x, other = cupy.asarray(X), cupy.cuda.Stream(non_blocking=True)

    def fork(join):
        y = x * 2
        other.wait_event(stream.record())
        assert other.is_capturing()
        with other:
            z = y + 1
            event = other.record()
            if join == "too early":
                z = z + 1
            if join != "never":
                stream.wait_event(event)
        return z

    captured = Captured(stream, lambda: fork("at the end"))
    captured.graph.launch()
    np.testing.assert_array_equal(captured.result.get(), 2 * X + 1)
    for join in ("never", "too early"):
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureUnjoined"):
            Captured(stream, lambda join=join: fork(join))
    assert not stream.is_capturing()
    assert not other.is_capturing()


def test_work_on_other_streams_is_done(stream):
    x = cupy.asarray(X)
    with stream:
        stream.begin_capture()
        with cupy.cuda.Stream.null:
            assert float(x.sum()) == X.sum()
        stream.end_capture()


def test_a_pool_lends_memory_again_and_launches_overwrite_it(stream):
    x = cupy.asarray(X)

    def work():
        first = x + 1
        address = first.data.ptr
        second = first * 2
        del first
        third = second - 1
        assert third.data.ptr == address
        return second, third

    captured = Captured(stream, work)
    second, third = captured.result
    captured.graph.launch()
    np.testing.assert_array_equal(second.get(), 2 * X + 2)
    np.testing.assert_array_equal(third.get(), 2 * X + 1)
    assert captured.pool.used_bytes() == 1024
    assert captured.pool.total_bytes() == 1024
    kept = third.get()
    third[...] = 0
    captured.graph.launch()
    np.testing.assert_array_equal(third.get(), kept)


def test_blocks_are_kept_by_stream(stream):
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        with stream:
            address = cupy.empty(4).data.ptr
        assert cupy.empty(4).data.ptr != address
        with stream:
            assert cupy.empty(4).data.ptr == address
    assert pool.n_free_blocks() == 2
    pool.free_all_blocks()
    assert pool.total_bytes() == 0


def test_memory_that_is_gone_is_noticed(stream):
    arrays = [cupy.asarray(X)]
    captured = Captured(stream, lambda: arrays[0] + 1)
    captured.graph.launch()
    arrays.clear()
    gc.collect()
    with pytest.raises(RuntimeError, match="memory that was freed"):
        captured.graph.launch()


def test_memory_that_a_newer_array_has_is_noticed(stream):
    x = cupy.asarray(X)

    def work():
        (x + 1)[...] = 0

    captured = Captured(stream, work)
    captured.graph.launch()
    with stream, cupy.cuda.using_allocator(captured.pool.malloc):
        newer = cupy.empty((3, 4), "float32")
    with pytest.raises(RuntimeError, match="given to a newer array"):
        captured.graph.launch()
    del newer
    captured.graph.launch()


def test_what_was_never_written_is_nan_in_every_launch(stream):
    x = cupy.asarray(X)

    def work():
        y = cupy.empty(4, "float32")
        y[:2] = x[0, :2]
        return y, y * 1

    captured = Captured(stream, work)
    y, copy = captured.result
    for _ in range(2):
        captured.graph.launch()
        np.testing.assert_array_equal(copy.get(), [0, 1, np.nan, np.nan])
        y[...] = 5


def test_a_kernel_that_writes_out_of_bounds_is_noticed_by_a_launch(stream):
    kernel = cupy.RawKernel(
        'extern "C" __global__ void past(float* y, int i) { y[i] = 1; }', "past"
    )
    y = cupy.zeros(3, "float32")
    captured = Captured(stream, lambda: kernel((1,), (1,), (y, np.int32(5))))
    with pytest.raises(RuntimeError, match="wrote out of bounds"):
        captured.graph.launch()


def test_a_stricter_mode_refuses_more_memory(stream):
    runtime, pool = cupy.cuda.runtime, cupy.cuda.MemoryPool()
    with stream, cupy.cuda.using_allocator(pool.malloc):
        stream.begin_capture(mode=runtime.streamCaptureModeThreadLocal)
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureUnsupported"):
            cupy.empty(3)
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
            stream.end_capture()


def test_functions_of_the_host_are_recorded(stream):
    called = []
    captured = Captured(stream, lambda: stream.launch_host_func(called.append, 1))
    assert called == []
    captured.graph.upload()
    captured.graph.launch(stream)
    captured.graph.launch()
    assert called == [1, 1]


def test_a_launch_is_recorded_in_another_graph(stream):
    x = cupy.zeros(2)
    inner = Captured(stream, lambda: cupy.add(x, 1, out=x)).graph
    outer = Captured(stream, lambda: (inner.launch(), inner.launch())).graph
    outer.launch()
    assert x.get().tolist() == [2, 2]
    with pytest.raises(NotImplementedError, match="via stream capture"):
        cupy.cuda.Graph()
