import os
import threading

import numpy as np
import pytest

import gpunet
from gpunet.backend import CPU

SHAPES = [
    (32, 784, 128), (128, 784, 128), (1024, 300, 128), (128, 1024, 784), (1000, 300, 77),
    (5, 2000, 1000), (2000, 128, 10), (3, 5, 100_000), (64, 100_000, 16), (40, 40, 40), (1, 1, 1),
    (10, 784, 30), (128, 128, 10), (10, 30, 10), (3, 0, 4),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_are_right(shape, dtype):
    """In every layout: as it is, transposed, and one that BLAS cannot take."""
    M, K, N = shape
    rng = np.random.default_rng(0)
    A = rng.standard_normal((M, K)).astype(dtype)
    B = rng.standard_normal((K, N)).astype(dtype)
    expected = A.astype(np.float64) @ B.astype(np.float64)
    wide = np.empty((M, 2 * K), dtype)
    wide[:, ::2] = A
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    for left in (A, np.asfortranarray(A), wide[:, ::2]):
        for right in (B, np.asfortranarray(B)):
            out = np.full((M, N), np.nan, dtype)
            assert CPU.gemm(left, right, out) is out
            np.testing.assert_allclose(out, expected, atol=tolerance * np.abs(expected).max())


@pytest.fixture
def threads():
    before = gpunet.get_num_threads()
    yield gpunet.set_num_threads
    gpunet.set_num_threads(before)


def test_any_number_of_threads_is_right(threads):
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((200, 300)), rng.standard_normal((300, 400))
    for n in (1, 2, 3, 7):
        threads(n)
        assert gpunet.get_num_threads() == n
        for _ in range(20):
            np.testing.assert_allclose(CPU.gemm(A, B), A @ B, atol=1e-12)


def test_the_same_product_has_the_same_bits_every_time():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 256, 256)).astype(np.float32)
    first = CPU.gemm(A, B.T).copy()
    for _ in range(200):
        np.testing.assert_array_equal(CPU.gemm(A, B.T), first)


def test_products_of_several_threads_of_a_program():
    """One of them has the team, the others work alone, and all are right."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 200, 200))
    expected = A @ B
    wrong = []

    def work():
        for _ in range(100):
            if not np.allclose(CPU.gemm(A, B), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
        assert not worker.is_alive()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_makes_a_team_of_its_own():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 300, 300))
    expected = CPU.gemm(A, B).copy()
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(CPU.gemm(A, B), expected) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_no_threads_is_refused():
    with pytest.raises(ValueError, match="positive"):
        gpunet.set_num_threads(0)
