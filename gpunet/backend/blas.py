"""Matrix products in NumPy's BLAS, on as many threads as serve.

The threads of OpenBLAS meet at barriers, where they spin. While every thread has a core this is the
fastest way; when another process takes one of the cores, the others spin until the system lets
the last thread finish, and a product of 40 microseconds takes 10 to 40 milliseconds. So

- small products run on one thread, by their size alone;
- larger ones are timed, and one that takes many times its best lowers the number of threads by
  one, not below two. After a while one more is tried again.

Two threads and more give the same bits (OpenBLAS cuts rows and columns between threads, not sums),
so a run's results do not depend on what else the machine was doing. One thread may cut long sums
elsewhere; hence the lower bound, and hence one thread by size only.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

__all__ = ["Blas", "openblas"]

#: Multiplications from which a product runs on several threads.
SMALLEST_THREADED = 1 << 20
#: A product has collapsed when it takes more than this (seconds) beyond `_SLOWER` times its best.
_PATIENCE = 1e-3
_SLOWER = 3.0
#: Multiplications per second that two threads of any processor reach: what the first product of a
#: shape is held against.
_SLOWEST_RATE = 4e9
#: Seconds until one more thread is tried: doubled at each failure, from the first to the second.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
#: Different shapes whose best times are kept.
_MOST_SHAPES = 1024


@functools.cache
def openblas() -> Any:
    """The functions ``(get_num_threads, set_num_threads)`` of NumPy's OpenBLAS.

    None where NumPy was built with another BLAS, whose threads are then left alone.
    """
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            library = ctypes.CDLL(str(path))
            for prefix in ("scipy_openblas", "openblas"):
                for suffix in ("64_", ""):
                    get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                    set_ = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
                    if get is not None and set_ is not None:
                        set_.argtypes = [ctypes.c_int]
                        set_.restype = None
                        return get, set_
    return None


class Blas:
    """The products of the CPU backend.

    Attributes
    ----------
    most : int
        Threads of a large product while every thread has a core; what OPENBLAS_NUM_THREADS says,
        by default one for each core.
    threads : int
        Threads of a large product now.
    """

    def __init__(self) -> None:
        functions = openblas()
        self.adjustable = functions is not None
        get, self._set = functions if functions is not None else (lambda: 1, None)
        self.most = self.threads = self._current = get()
        self._best: dict[tuple[int, int, int, int], float] = {}
        self._pause = _SHORTEST_PAUSE
        self._next_try = 0.0

    def set_num_threads(self, n: int) -> None:
        """Use at most `n` threads for a product."""
        if n < 1:
            raise ValueError(f"set_num_threads: expected a positive number, got {n}")
        self.most = self.threads = n
        self._best.clear()

    def matmul(self, A: np.ndarray, B: np.ndarray, out: np.ndarray) -> np.ndarray:
        """``out = A B`` for matrices."""
        M, K = A.shape
        N = B.shape[1]
        work = M * K * N
        if work < SMALLEST_THREADED or self.threads == 1:
            if self._current != 1 and self.adjustable:
                self._set(1)
                self._current = 1
            return np.matmul(A, B, out)
        if self._current != self.threads and self.adjustable:
            self._set(self.threads)
            self._current = self.threads
        begin = perf_counter()
        np.matmul(A, B, out)
        now = perf_counter()
        spent = now - begin
        shape = (M, K, N, A.itemsize)
        best = self._best.get(shape)
        if best is None:
            if len(self._best) >= _MOST_SHAPES:
                self._best.clear()
            best = self._best[shape] = work / _SLOWEST_RATE
        if spent < best:
            self._best[shape] = spent
        elif spent > _PATIENCE + _SLOWER * best and self.threads > 2:
            # A failed try doubles the pause; a collapse after a long quiet time begins anew.
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            if now > self._next_try + 2 * _LONGEST_PAUSE:
                self._pause = _SHORTEST_PAUSE
            self.threads -= 1
            self._next_try = now + self._pause
        if self.threads < self.most and now > self._next_try:
            self.threads += 1
            self._next_try = now + self._pause
        return out
