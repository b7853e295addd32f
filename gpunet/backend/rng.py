"""Random number generators: a place in the sequence of Philox's blocks of numbers.

The numbers themselves come from the kernels of ``kernels/reference/random.py``, which compute them
from ``(seed, stream, offset)``. A generator only counts how many blocks were taken.
"""

from __future__ import annotations

import operator
import os
import threading
from typing import Any

import numpy as np

from .base import Array, Backend

__all__ = ["CURRENT", "Generator", "default_generator", "using"]

#: PyTorch's seed where none was given.
DEFAULT_SEED = 67280421310721


class Generator:
    """A sequence of random numbers, the same on every device.

    Parameters
    ----------
    device : str or Device, optional
        Accepted as in PyTorch, where a generator belongs to a device. Here each serves all.

    Attributes
    ----------
    stream : int
        Sequences with one seed and different streams have nothing in common. Default: 0.
    offset : int
        Blocks of four words taken so far.

    Raises
    ------
    TypeError
        If `device` is a number: a seed is set with `manual_seed`.
    """

    stream: int
    offset: int
    _seed: int
    _values: Array
    _states: dict[int | None, Array]

    def __init__(self, device: Any = None):
        if isinstance(device, int):
            raise TypeError(
                f"Generator: expected a device, got {device}; "
                f"a seed is set with Generator().manual_seed({device})"
            )
        self.stream = 0
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence of `seed`, an integer from -2^63 to 2^64 - 1, and return `self`."""
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise RuntimeError(f"seed: expected an integer from -2^63 to 2^64 - 1, got {seed}")
        self._place(seed, self.stream, 0)
        return self

    def seed(self) -> int:
        """Start a sequence that nobody can foretell, and return its seed."""
        seed = int.from_bytes(os.urandom(8), "little") >> 1
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the sequence."""
        return self._seed

    def get_state(self) -> dict[str, int]:
        """Where the sequence stands, as three integers, ready for JSON."""
        return {"seed": self._seed, "stream": self.stream, "offset": self.offset}

    def set_state(self, new_state: dict[str, int]) -> Generator:
        """Go on from where `get_state` was called, and return `self`.

        Raises
        ------
        TypeError, ValueError
            If `new_state` is not such a state.
        """
        if not isinstance(new_state, dict):
            raise TypeError(f"new_state: expected a dict, got {type(new_state).__name__}")
        if set(new_state) != {"seed", "stream", "offset"}:
            raise ValueError(
                "new_state: expected the keys seed, stream and offset, "
                f"got {', '.join(map(str, new_state)) or 'none'}"
            )
        seed, stream, offset = (
            operator.index(new_state[key]) for key in ("seed", "stream", "offset")
        )
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"new_state: seed {seed} is not from -2^63 to 2^64 - 1")
        for name, value in (("stream", stream), ("offset", offset)):
            if not 0 <= value < 2**63:
                raise ValueError(f"new_state: {name} {value} is not from 0 to 2^63 - 1")
        self._place(seed, stream, offset)
        return self

    def clone_state(self) -> Generator:
        """Another generator at the same place."""
        return Generator().set_state(self.get_state())

    def take(self, be: Backend, array: Array, blocks: int) -> tuple[Array, int]:
        """The next `blocks` blocks of numbers, as the arguments of a kernel.

        Parameters
        ----------
        be : Backend
        array : array
            One on the device that is to use the numbers.
        blocks : int

        Returns
        -------
        state : int64 array of shape (3,)
            On the device of `array`. It is never changed: a new seed makes a new one, so that a
            backward pass can compute the numbers of its forward pass again.
        offset : int
        """
        offset = self.offset
        self.offset = offset + blocks
        index = be.device_of(array).index
        state = self._states.get(index)
        if state is None:
            state = self._states[index] = be.from_numpy(self._values, be.device_of(array))
        return state, offset

    @property
    def key(self) -> np.ndarray:
        """The state that the kernels take, at the beginning of the sequence."""
        return self._values

    def _place(self, seed: int, stream: int, offset: int) -> None:
        self._seed = seed
        self.stream = stream
        self.offset = offset
        self._values = np.array([seed % 2**64, stream, 0], np.uint64).view(np.int64)
        self._states = {}

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, stream={self.stream}, offset={self.offset})"


#: What every function uses that is not given a generator.
default_generator = Generator()


class _Current(threading.local):
    generator = default_generator


#: ``CURRENT.generator`` is the default generator of this thread: the one above, unless `using` has
#: put another in its place.
CURRENT = _Current()


class using:
    """A context in which this thread's functions draw from `generator` by default.

    A mini-batch is made with a generator of its own, so that it is the same whichever thread makes
    it and whatever the others draw meanwhile.

    Parameters
    ----------
    generator : Generator
    """

    __slots__ = ("generator", "previous")

    def __init__(self, generator: Generator):
        self.generator = generator

    def __enter__(self) -> Generator:
        self.previous = CURRENT.generator
        CURRENT.generator = self.generator
        return self.generator

    def __exit__(self, *exception: Any) -> None:
        CURRENT.generator = self.previous
