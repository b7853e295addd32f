"""What the tape costs by itself: operations that do nothing, forward and backward."""

from __future__ import annotations

import numpy as np

from .case import Case, Side, Work

__all__ = ["TAPE", "chain"]

_LENGTH = 100

TAPE = Case(
    name="overhead",
    title="Cost of the tape for one operation, forward and backward, without array work",
    sides=[Side("gpunet", "gpunet", ".overhead:chain")],
    baseline="gpunet",
    per=_LENGTH,
    figure="min",
    rounds=3,
)


def chain() -> Work:
    """A chain of operations that pass their input through."""
    import gpunet
    from gpunet.autograd import Operation

    same = Operation(
        lambda be, X: (X, (X,)), lambda be, dY, saved, needs: (dY,), name="pass_through"
    )
    array = np.zeros(1, np.float32)
    seed = gpunet.Tensor(array)
    leaf = gpunet.Tensor(array)

    def step() -> None:
        nonlocal leaf
        leaf = gpunet.Tensor(array).requires_grad_()
        y = leaf
        for _ in range(_LENGTH):
            y = same(y)
        y.backward(seed)

    return Work(step, lambda: [float(leaf.grad.sum())])
