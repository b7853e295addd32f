import numpy as np
import pytest

import gpunet
from gpunet.backend import CPU, blas
from gpunet.backend.blas import Blas


class Clock:
    """A clock and a product in one: each product takes the next of the given times."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.costs = []
        monkeypatch.setattr(blas, "perf_counter", lambda: self.now)
        monkeypatch.setattr(blas.np, "matmul", self.matmul)
        self.product = Blas()
        self.product.adjustable = False
        self.product.set_num_threads(4)
        self.A = np.zeros((128, 128), np.float32)

    def matmul(self, A, B, out):
        self.now += self.costs.pop(0)

    def run(self, *costs):
        """The number of threads after each of the products."""
        self.costs = list(costs)
        found = []
        while self.costs:
            self.product.matmul(self.A, self.A, self.A)
            found.append(self.product.threads)
        return found


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_a_collapse_costs_a_thread_and_two_stay(clock):
    assert clock.run(1e-4, 1e-4, 2e-2, 2e-2, 2e-2) == [4, 4, 3, 2, 2]


def test_slower_is_not_yet_a_collapse(clock):
    assert clock.run(1e-4, 9e-4, 1.2e-3) == [4, 4, 4]


def test_the_first_product_of_a_shape_can_collapse(clock):
    assert clock.run(2e-2) == [3]


def test_threads_come_back_one_by_one(clock):
    clock.run(1e-4, 2e-2, 2e-2)
    assert clock.run(1.1, 1e-4)[-1] == 3
    assert clock.run(*[1e-3] * 3000)[-1] == 4


def test_failed_tries_become_rare(clock):
    """With one thread too many all the time, collapses cost a few hundredths of the time."""
    lost = 0.0
    for _ in range(100_000):
        cost = 2e-2 if clock.product.threads == 4 else 1e-4
        lost += cost - 1e-4
        clock.run(cost)
    assert lost < 0.03 * clock.now


def test_small_products_use_one_thread_and_are_right():
    rng = np.random.default_rng(0)
    product = Blas()
    for n in (3, 200):
        A, B = rng.standard_normal((2, n, n))
        out = np.empty((n, n))
        product.matmul(A, B, out)
        np.testing.assert_allclose(out, A @ B)


def test_results_do_not_depend_on_the_number_of_threads():
    """From two threads on, so that a busy machine does not change a run's results."""
    rng = np.random.default_rng(0)
    before = gpunet.get_num_threads()
    try:
        for M, K, N in [(128, 784, 128), (1000, 300, 77), (64, 5000, 64)]:
            A = rng.standard_normal((M, K)).astype(np.float32)
            B = rng.standard_normal((N, K)).astype(np.float32)
            found = []
            for threads in (2, 3, 4):
                gpunet.set_num_threads(threads)
                found.append(CPU.gemm(A, B.T))
            np.testing.assert_array_equal(found[0], found[1])
            np.testing.assert_array_equal(found[0], found[2])
    finally:
        gpunet.set_num_threads(before)


def test_no_threads_is_refused():
    with pytest.raises(ValueError, match="positive"):
        gpunet.set_num_threads(0)
