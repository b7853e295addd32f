"""What the tape costs by itself."""

from __future__ import annotations

import time

import numpy as np

import gpunet
from gpunet.autograd import Operation

__all__ = ["per_function"]


def per_function(length: int = 100, repeats: int = 500) -> float:
    """Seconds per Operation, forward and backward, in a chain whose operations do nothing.

    The smallest of `repeats` runs, as every disturbance only adds.
    """
    same = Operation(
        lambda be, X: (X, (X,)), lambda be, dY, saved, needs: (dY,), name="pass_through"
    )
    array = np.zeros(1, np.float32)
    seed = gpunet.Tensor(array)
    best = float("inf")
    for _ in range(repeats):
        leaf = gpunet.Tensor(array).requires_grad_()
        begin = time.perf_counter()
        y = leaf
        for _ in range(length):
            y = same(y)
        y.backward(seed)
        best = min(best, time.perf_counter() - begin)
    return best / length
