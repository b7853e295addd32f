"""The step that an optimiser would take, taken on copies."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ..autograd import no_grad
from ..optim import Optimizer
from ..tensor import Tensor
from .sums import square_sum

__all__ = ["needs_closure", "squared_updates"]


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether a step computes the loss itself, as L-BFGS does: it cannot be taken on copies."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


@no_grad()
def squared_updates(
    optimizer: Optimizer, parameters: Sequence[Any], gradients: Mapping[int, Any]
) -> dict[int, Any]:
    """``sum of dw^2`` of each parameter in the next step, on the device.

    Parameters
    ----------
    optimizer : Optimizer
        A copy of it takes the step; it stays as it is.
    parameters : sequence of Parameter
    gradients : mapping of int to array
        By the ``id`` of a parameter; those without stand still.

    Returns
    -------
    dict of int to array of shape ()
        By the ``id`` of the parameters that the optimiser has and that have a gradient.
    """
    twins = {}
    for p in parameters:
        twin = twins[id(p)] = Tensor(p.array.copy(order="K"))
        twin.requires_grad = p.requires_grad
        if id(p) in gradients:
            twin.grad = Tensor(gradients[id(p)].copy())
    # What is in the memo of deepcopy counts as copied already.
    deepcopy(optimizer, dict(twins)).step()
    own = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {
        id(p): square_sum(twins[id(p)].array - p.array)
        for p in parameters
        if id(p) in own and id(p) in gradients
    }
