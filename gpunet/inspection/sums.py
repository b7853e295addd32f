"""Numbers that stay on the device until all of them are read at once."""

from __future__ import annotations

from typing import Any

from ..backend import Array, backend_of

__all__ = ["Reader", "Squares", "square_sum"]


def square_sum(array: Array) -> Any:
    """``sum of x^2`` in float64, on the device: no float32 overflows or vanishes when squared."""
    backend = backend_of(array)
    if array.dtype.char not in "fd":
        array = array.astype("float64")
    total = backend.empty((1,), "float64")
    backend.kernels.sum_of_squares(backend.contiguous(array).reshape(-1), total)
    return total.reshape(())


class Squares:
    """The sum of the squares of several arrays, and how many elements they have.

    Attributes
    ----------
    total : array of shape () or None
        On the device; None as long as there was no array.
    count : int
    """

    def __init__(self) -> None:
        self.total: Any = None
        self.count = 0

    def add(self, array: Array) -> None:
        """Count the elements of `array`, of floating-point numbers, in."""
        total = square_sum(array)
        self.total = total if self.total is None else self.total + total
        self.count += array.size

    @property
    def mean(self) -> Any:
        """The mean square, on the device; None where nothing was counted."""
        return None if self.total is None else self.total / max(self.count, 1)


class Reader:
    """Collects numbers on one device, and reads them with one copy.

    Parameters
    ----------
    like : array
        One on that device.
    """

    def __init__(self, like: Array):
        self._backend = backend_of(like)
        self._device = self._backend.device_of(like)
        self._values: list[Any] = []

    def note(self, value: Any) -> int:
        """Take a 0-dimensional array; returns its place in what `read` gives."""
        self._values.append(value)
        return len(self._values) - 1

    def read(self) -> list[float]:
        """The numbers, in the order in which they came. This waits for the device."""
        xp = self._backend.xp
        with self._backend.on(self._device):
            row = xp.stack([xp.asarray(value, dtype="float64") for value in self._values])
        return self._backend.to_numpy(row).tolist()
