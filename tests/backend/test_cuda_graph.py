"""Capturing a function's work in a CUDA graph, and replaying it."""

import gc

import numpy as np
import pytest

import gpunet
from gpunet.backend import Device
from gpunet.errors import CaptureError


@pytest.fixture
def cupy(cuda):
    import cupy

    gpunet.zeros(1, device=cuda)
    return cupy


@pytest.fixture
def graph(cupy):
    from gpunet.backend.cuda_graph import Graph

    return Graph(Device("cuda", 0))


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_replays_compute_with_what_is_fed(cupy, graph):
    X, total = graph.input((3, 4), "float32"), cupy.zeros(3, "float32")

    def work(scale):
        Y = cupy.exp(X) * scale
        total[...] += Y.sum(axis=1)
        return Y, Y.max()

    first = numbers(3, 4)
    graph.feed(X, first)
    eager = graph.warm_up(work, 2.0)
    np.testing.assert_allclose(eager[0].get(), 2 * np.exp(first), rtol=1e-6)
    before = total.get()
    Y, largest = graph.capture(work, 2.0)
    assert graph.captured
    np.testing.assert_array_equal(total.get(), before)  # nothing has been done
    for k in range(3):
        given = numbers(3, 4) + k
        graph.feed(X, given if k else cupy.asarray(given))
        given[...] = 0 if k else given  # the caller may
        graph.replay()
        expected = 2 * np.exp(numbers(3, 4) + k)
        np.testing.assert_allclose(Y.get(), expected, rtol=1e-5)
        np.testing.assert_allclose(largest.get(), expected.max(), rtol=1e-5)
        before = before + expected.sum(axis=1)
        np.testing.assert_allclose(total.get(), before, rtol=1e-5)


def test_warm_up_is_eager_and_between_the_work_of_the_current_stream(cupy, graph):
    x = cupy.zeros(5)
    for stream in (cupy.cuda.Stream.null, cupy.cuda.Stream(non_blocking=True)):
        with stream:
            cupy.add(x, 1, out=x)
            y = graph.warm_up(cupy.multiply, x, 2)
            cupy.add(x, 1, out=x)
            np.testing.assert_array_equal(y.get(), 2 * (x.get() - 1))
    assert not graph.captured


def test_inputs_are_fed_in_any_order_of_memory(cupy, graph):
    X = graph.input((3, 4), "float32")
    Y = graph.capture(lambda: X * 1)
    for given in (numbers(4, 3).T, cupy.asarray(numbers(4, 3)).T, cupy.asarray(numbers(3, 4))):
        graph.feed(X, given)
        graph.replay()
        host = given if isinstance(given, np.ndarray) else given.get()
        np.testing.assert_array_equal(Y.get(), host)
    empty = cupy.empty((0, 4), "float32")
    graph.feed(empty, np.zeros((0, 4), "float32"))
    graph.feed(empty, cupy.zeros((0, 4), "float32"))
    with pytest.raises(ValueError, match=r"expected shape \(3, 4\) and dtype float32, got \(4, 3"):
        graph.feed(X, numbers(4, 3))
    with pytest.raises(ValueError, match=r"got .* and float64"):
        graph.feed(X, numbers(3, 4).astype("float64"))


def test_host_arrays_are_fed_on_streams_that_do_not_wait(cupy, graph):
    X = graph.input((4,), "float32")
    Y = graph.capture(lambda: X + 1)
    with cupy.cuda.Stream(non_blocking=True):
        for k in range(5):
            given = np.full(4, k, "float32")
            graph.feed(X, given)
            given[...] = -1
            graph.replay()
            np.testing.assert_array_equal(Y.get(), np.full(4, k + 1))


def host_index(cupy, x):
    x[np.array([0, 1])]


REFUSED = {
    "a read": (lambda cupy, x: float(x.sum()), "D2H transfers are disallowed"),
    "a copy from the host": (lambda cupy, x: cupy.asarray(numbers(3)), "H2D transfers"),
    "an index of the host": (host_index, "H2D transfers"),
    "a mask": (lambda cupy, x: x[x > 0], "D2H transfers"),
    "cuBLAS": (lambda cupy, x: cupy.dot(x, x.T), "cuBLAS"),
    "waiting": (
        lambda cupy, x: cupy.cuda.get_current_stream().synchronize(),
        "cudaErrorStreamCaptureUnsupported",
    ),
    "asking": (lambda cupy, x: cupy.cuda.get_current_stream().done, "Invalidated"),
    "memory from elsewhere": (
        lambda cupy, x: cupy.get_default_memory_pool().malloc(100),
        "100 bytes is made outside of the memory pool",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_captured_is_an_error_and_the_gpu_is_usable(cupy, graph, name):
    refused, message = REFUSED[name]
    x = cupy.asarray(numbers(3, 3))

    def work():
        y = x + 1
        refused(cupy, y)
        return y

    if name not in ("waiting", "asking"):
        graph.warm_up(work)
    with pytest.raises(CaptureError, match=message) as caught:
        graph.capture(work)
    assert isinstance(caught.value, RuntimeError)
    assert not graph.captured
    assert gc.isenabled()
    assert cupy.cuda.get_current_stream() == cupy.cuda.Stream.null
    y = graph.warm_up(lambda: x + 2)
    np.testing.assert_array_equal(y.get(), numbers(3, 3) + 2)
    y = graph.capture(lambda: x + 3)
    graph.replay()
    np.testing.assert_array_equal(y.get(), numbers(3, 3) + 3)


def test_the_refused_line_is_in_the_traceback(cupy, graph):
    x = cupy.zeros((), "float32")

    def work():
        if x > 0:
            return x * 2
        return x

    with pytest.raises(CaptureError) as caught:
        graph.capture(work)
    lines = []
    traceback = caught.value.__cause__.__traceback__
    while traceback is not None:
        lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    assert work.__code__.co_firstlineno + 1 in lines


def test_mistakes_of_the_function_are_its_own(cupy, graph):
    with pytest.raises(ZeroDivisionError):
        graph.capture(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="a mistake") as caught:
        graph.capture(lambda: (_ for _ in ()).throw(RuntimeError("a mistake")))
    assert not isinstance(caught.value, CaptureError)
    with pytest.raises(KeyboardInterrupt):
        graph.capture(lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert graph.capture(lambda: 5) == 5


def test_a_captured_graph_takes_nothing_more(cupy, graph):
    with pytest.raises(RuntimeError, match="replay: nothing has been captured"):
        graph.replay()
    graph.capture(lambda: None)
    graph.replay()
    for call in (
        lambda: graph.input((3,), "float32"),
        lambda: graph.warm_up(int),
        lambda: graph.capture(int),
    ):
        with pytest.raises(RuntimeError, match="the graph has been captured"):
            call()


def test_the_pool_grows_in_a_capture_and_counts(cupy, graph):
    gc.collect()
    used, held = gpunet.cuda.memory_allocated(), gpunet.cuda.memory_reserved()
    x = graph.input((1000,), "float32")
    y = graph.capture(lambda: (x + 1) * 2)
    assert gpunet.cuda.memory_allocated() == used + 2 * 4096
    assert gpunet.cuda.memory_reserved() == held + 3 * 4096  # the sum of before is scratch
    graph.replay()
    gpunet.cuda.empty_cache()
    graph.replay()
    del y


def test_no_block_is_given_up_while_its_work_is_recorded(cupy, graph, monkeypatch):
    """CuPy's pool does that when the driver has no more, and work on it is in the graph."""
    if not hasattr(cupy, "_standin"):
        pytest.skip("takes the memory of the driver away")
    x, taken = graph.input((1000,), "float32"), []
    driver = cupy.cuda.Memory

    def limited(size):
        if size > 10_000:
            taken.append(size)
            raise cupy.cuda.runtime.CUDARuntimeError(2)
        return driver(size)

    monkeypatch.setattr(cupy.cuda, "Memory", limited)

    def work():
        y = x + 1
        del y
        return cupy.zeros(10_000)

    with pytest.raises(gpunet.cuda.OutOfMemoryError, match="out of memory"):
        graph.warm_up(work)
    assert len(taken) > 1  # there, blocks for reuse are given up for it
    blocks = graph._pool.pool.total_bytes()
    taken.clear()
    with pytest.raises(CaptureError, match="out of memory"):
        graph.capture(work)
    assert len(taken) == 1
    assert graph._pool.pool.total_bytes() >= blocks


def test_the_limit_of_cupys_pool_holds_for_all_pools_together(cupy, graph):
    gc.collect()
    pool = cupy.get_default_memory_pool()
    x = graph.input((1000,), "float32")
    pool.set_limit(gpunet.cuda.memory_reserved() + 5000)
    try:
        with pytest.raises(CaptureError, match="CUDA out of memory"):
            graph.capture(lambda: (x + 1, x + 2))
    finally:
        pool.set_limit(0)


def test_a_graph_gives_back_its_memory_and_its_stream(cupy):
    from gpunet.backend.cuda_graph import Graph

    gc.collect()
    first, second = Graph(Device("cuda")), Graph(Device("cuda"))
    x = first.input((1000,), "float32")
    first.feed(x, np.zeros(1000, "float32"))
    first.capture(cupy.add, x, 1)
    held = gpunet.cuda.memory_reserved()
    assert first._stream.ptr != second._stream.ptr
    ptr = first._stream.ptr
    del first, x  # no reference cycle keeps it
    assert gpunet.cuda.memory_reserved() <= held - 8192
    assert Graph(Device("cuda"))._stream.ptr == ptr


def test_no_graph_is_captured_in_another(cupy, graph):
    from gpunet.backend.cuda_graph import Graph

    inner = Graph(Device("cuda"))
    x = cupy.zeros(3)
    y = inner.capture(cupy.add, x, 1)
    for call in (inner.__class__.warm_up, inner.__class__.capture):
        with pytest.raises(CaptureError, match="a graph is being captured already"):
            graph.capture(call, Graph(Device("cuda")), int)
    graph.capture(inner.replay)  # may be a part of one
    x += 4
    graph.replay()
    assert y.get().tolist() == [5, 5, 5]


def test_what_is_fed_arrives_though_the_graph_is_gone(cupy, graph):
    from gpunet.backend.cuda_graph import Graph

    short = Graph(Device("cuda"))
    x = short.input((4,), "float32")
    with cupy.cuda.Stream(non_blocking=True):
        short.feed(x, np.arange(4, dtype="float32"))
        del short
        assert x.get().tolist() == [0, 1, 2, 3]
