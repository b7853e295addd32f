"""What a recorded step returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Operation, Variable
from .signature import mapped, tensors
from .watch import Watch

__all__ = ["outputs_of"]


def outputs_of(watch: Watch, result: Any) -> Any:
    """`result` with tensors of the recording's memory in place of those that the step made.

    Raises
    ------
    CaptureError
        If one requires a gradient that the step does not compute.
    """
    taped: list[Any] = []  # what keeps its tape, as there will be no recording
    for x in tensors(result):
        if x.node is not None and x.node.saved is not None:
            watch.recorder.refuse(
                "the result requires a gradient, and backward() is not part of the step; "
                "compile the whole step, or call it under no_grad()"
            )
            taped.append(x)

    def output(x: Any) -> Any:
        if not isinstance(x, Variable):
            return np.asarray(x)
        if not watch.made(x):
            return x
        kept = any([x is other for other in taped])
        return Operation.result(vars(x)["array"], x.node if kept else None)

    return mapped(result, output)
