"""What the steps of a pass returned, kept where it was computed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Backend

__all__ = ["Measurements"]

#: Steps whose values lie in one block of memory.
_BLOCK = 1024


class Measurements:
    """The values of each step of one pass over the data, and how many samples each stands for.

    Values are stored on the device that computed them, so that no step waits for it; `read`
    waits, and is called when somebody looks.

    Parameters
    ----------
    backend : Backend
        Of the device that computes the values.

    Attributes
    ----------
    names : tuple of str
        Of the values; from the first step.
    samples : list of int
        Of each step.
    """

    def __init__(self, backend: Backend):
        self.backend = backend
        self.names: tuple[str, ...] = ()
        self.samples: list[int] = []
        self._blocks: list[Any] = []
        self._read = np.empty((0, 0))
        self._whole = 0

    def __len__(self) -> int:
        return len(self.samples)

    def add(self, values: Mapping[str, Any], samples: int) -> None:
        """Note the values of one step.

        Raises
        ------
        ValueError
            If the step returned other names than the first one.
        """
        step = len(self.samples)
        if step == 0:
            self.names = tuple(values)
        row = step % _BLOCK
        if row == 0:
            self._blocks.append(self.backend.zeros((_BLOCK, len(self.names)), np.float64))
        block = self._blocks[-1]
        if len(values) != len(self.names):
            raise ValueError(_other_names(self.names, values))
        for column, name in enumerate(self.names):
            try:
                value = values[name]
            except KeyError:
                raise ValueError(_other_names(self.names, values)) from None
            block[row, column] = value.array if isinstance(value, Variable) else value
        self.samples.append(samples)

    def read(self) -> np.ndarray:
        """All values so far, of shape (steps, names). This waits for the device."""
        steps = len(self.samples)
        if len(self._read) == steps:
            return self._read
        # Blocks that were full the last time need not be read again.
        new = [self.backend.to_numpy(block) for block in self._blocks[self._whole :]]
        before = self._read[: self._whole * _BLOCK].reshape(self._whole * _BLOCK, len(self.names))
        self._read = np.concatenate([before, *new])[:steps].copy()
        self._whole = steps // _BLOCK
        return self._read

    def means(self) -> dict[str, float]:
        """The mean of each value over the samples. This waits for the device."""
        values = self.read()
        if not len(values):
            return {}
        weights = np.asarray(self.samples, np.float64)
        with np.errstate(all="ignore"):
            means = weights @ values / weights.sum()
        return dict(zip(self.names, means.tolist()))

    def first_not_finite(self) -> tuple[int, str, float] | None:
        """The first step with a loss that is not finite: its number, the name and the value.

        Every value whose name ends in "loss" counts. This waits for the device.
        """
        values = self.read()
        for step, column in self._suspects(values):
            value = float(values[step, column])
            if not math.isfinite(value):
                return step, self.names[column], value
        return None

    def _suspects(self, values: np.ndarray) -> Iterator[tuple[int, int]]:
        columns = [i for i, name in enumerate(self.names) if name.endswith("loss")]
        if columns and not np.isfinite(values[:, columns]).all():
            for step in range(len(values)):
                yield from ((step, column) for column in columns)

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {"names": list(self.names), "samples": list(self.samples), "values": self.read()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.names = tuple(state["names"])
        self.samples = list(state["samples"])
        values = np.asarray(getattr(state["values"], "array", state["values"]), np.float64)
        self._blocks = []
        for start in range(0, len(values), _BLOCK):
            block = np.zeros((_BLOCK, len(self.names)))
            part = values[start : start + _BLOCK]
            block[: len(part)] = part
            self._blocks.append(self.backend.from_numpy(block))
        self._read = values
        self._whole = len(values) // _BLOCK


def _other_names(first: tuple[str, ...], values: Mapping[str, Any]) -> str:
    return (
        "training_step: expected the same names in every step, "
        f"{', '.join(first) or 'none'}, got {', '.join(values) or 'none'}"
    )
