"""The team of threads that shares a kernel's tiles."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("numba", reason="the team is part of the Numba kernels")

from gpunet.kernels.cpu import optimizer
from gpunet.kernels.cpu._compile import kernel
from gpunet.kernels.cpu.team import Team, array64, number, run_tiles, tile


@tile
def _count(args, i):
    """Add one to element i of an array, and some work so that the tiles take their time."""
    counts = array64(args, 1, 0, number(args, 0))
    x = 0.0
    for k in range(number(args, 2)):
        x += 1.0 / (k + 1)
    counts[i] += 1.0 if x >= 0 else 2.0


@kernel
def _job(board, threads, job, counts, work):
    args = np.empty(3, np.int64)
    args[0], args[1], args[2] = counts.size, counts.ctypes.data, work
    run_tiles(board, threads, job, args.ctypes.data, counts.size)


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
def test_every_tile_is_done_once(threads):
    helpers = Team(threads)
    for tiles in (1, 3, 64, 255):
        counts = np.zeros(tiles)
        for round in range(1, 100):
            helpers.wake()
            _job(helpers.board, threads, _count.address, counts, 50)
            assert (counts == round).all()


def test_sleepers_wake_and_others_do_their_tiles_meanwhile():
    helpers = Team(3)
    counts = np.zeros(40)
    for round in range(1, 6):
        time.sleep(0.02)  # long enough for all to fall asleep
        helpers.wake()
        _job(helpers.board, 3, _count.address, counts, 1000)
        assert (counts == round).all()


def test_a_program_ends_while_the_team_waits():
    code = (
        "import numpy as np\nfrom gpunet.backend import CPU\n"
        "A = np.ones((300, 300))\nCPU.gemm(A, A)\nprint('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "done"


def test_a_shared_step_equals_that_of_one_thread(monkeypatch):
    rng = np.random.default_rng(0)
    n = optimizer._SHARED + 13
    arrays = [rng.standard_normal(n).astype(np.float32) for _ in range(3)]
    hyper = np.array([0.1, 0.9, 0.0, 0.01])
    found = []
    for smallest in (optimizer._SHARED, n + 1):
        monkeypatch.setattr(optimizer, "_SHARED", smallest)
        P, G, B = (array.copy() for array in arrays)
        optimizer.sgd_momentum_step(P, G, B, np.array([3.0, 0.0]), hyper, 0, 1, 0)
        found.append((P, B))
    for shared, alone in zip(*found):
        np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_never_become_subnormal(dtype):
    """They would make each step 50 times as slow."""
    tiny = np.finfo(dtype).tiny
    P = np.ones(1000, dtype)
    G = np.zeros(1000, dtype)
    M, V = np.full(1000, tiny, dtype), np.full(1000, tiny, dtype)
    count = np.array([5.0, 0.0])
    optimizer.adam_step(P, G, M, V, count, np.array([1e-3, 0.9, 0.9, 1e-8, 0.0]), 0, 0)
    assert (M == 0).all()
    assert (V == 0).all()
    B = np.full(1000, tiny, dtype)
    optimizer.sgd_momentum_step(P, G, B, count, np.array([0.1, 0.9, 0.0, 0.0]), 0, 0, 0)
    assert (B == 0).all()


def test_a_team_that_is_no_longer_needed_goes():
    before = threading.active_count()
    helpers = Team(4)
    assert threading.active_count() == before + 3
    helpers.close()
    for _ in range(200):
        if threading.active_count() == before:
            return
        time.sleep(0.01)
    pytest.fail("helpers are still there")


def test_the_number_of_threads_is_one_setting_for_all_kernels():
    code = (
        "import gpunet\nprint(gpunet.get_num_threads())\nfrom gpunet.kernels.cpu.team import team\n"
    )
    code += "print(team().threads)\ngpunet.set_num_threads(2)\nprint(team().threads)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["1", "1", "2"]
