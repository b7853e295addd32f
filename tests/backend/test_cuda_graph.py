"""Capturing a function's work in a CUDA graph, and replaying it."""


import numpy as np
import pytest

import gpunet
from gpunet.backend import Device


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
