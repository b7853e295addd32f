"""An optimiser's step that is undone on the device where a gradient was not finite.

`GradScaler.step` asks on the host whether to skip, and a captured step must not ask. So here the
step is always done, on whatever the gradients are, and what it changed is put back::

    old    = copies of values, state and step counts
    step
    values = old values   where found
    state  = old state    where found, and so on
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..optim.flat import FlatBuffer
from ..optim.fused import FlatOptimizer
from . import scale as _scale

__all__ = ["step_unless"]

#: Numbers of the state that an optimiser makes in its first step, with what they are before.
_FIRST = {"mu_product": 1.0}


def step_unless(optimizer: Any, found: Array) -> None:
    """``optimizer.step()`` where `found` is 0, and nothing where it is 1; without asking which.

    Parameters
    ----------
    optimizer : FlatOptimizer
        The step takes memory for a copy of its parameters and state.
    found : array of float32, shape ()
        On the device of the parameters; otherwise it is moved there, by way of the host.

    Raises
    ------
    TypeError
        For any other optimiser: what its step changes is not known.
    """
    if not isinstance(optimizer, FlatOptimizer):
        raise TypeError(
            "a step that is skipped on the device needs one of gpunet.optim's optimisers that "
            f"work on flat buffers, such as SGD or Adam, not {type(optimizer).__name__}"
        )
    before = [(buffer, _copies(buffer)) for buffer in _settled(optimizer)]
    with np.errstate(all="ignore"):  # what comes of infinite gradients is put back
        optimizer.step()
    for buffer, copies in before:
        _put_back(buffer, copies, _scale.moved(found, buffer.values))


def _settled(optimizer: FlatOptimizer) -> list[FlatBuffer]:
    """The buffers that the next step works on, with the gradients in place, as it would do."""
    settled = []
    for i, group in enumerate(optimizer.param_groups):
        params, number, buffers = optimizer._flat[i]
        if params is not group["params"] or number != len(params):
            buffers = optimizer._flatten(i)
        # Every buffer is asked, also after a None.
        if None in [buffer.active() for buffer in buffers]:
            buffers = optimizer._flatten(i)
            for buffer in buffers:
                buffer.active()
        settled += buffers
    return settled


def _copies(buffer: FlatBuffer) -> dict[Any, Array]:
    """All that a step can change, by the name under which `_changeable` has it."""
    return {name: array.copy() for name, array in _changeable(buffer).items()}


def _changeable(buffer: FlatBuffer) -> dict[Any, Array]:
    found: dict[Any, Array] = {"values": buffer.values}
    for name, array in buffer.state.items():
        found["state", name] = array
    for i, span in enumerate(buffer.spans):
        found["count", i] = span.count
        for name, array in span.scalars.items():
            found["number", name, i] = array
    return found


def _put_back(buffer: FlatBuffer, copies: dict[Any, Array], found: Array) -> None:
    copyto = buffer.backend.xp.copyto
    skip = found > 0
    for key, array in _changeable(buffer).items():
        old = copies.get(key)
        if old is None:  # it was made in this step
            old = buffer.fills[key[1]] if key[0] == "state" else _FIRST[key[1]]
        copyto(array, old, where=skip)
