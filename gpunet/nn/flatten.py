"""Layers that join or split axes."""

from __future__ import annotations

from typing import Any

from ..functions.shape import flatten, unflatten
from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` as one; by default all but the first.

    Parameters
    ----------
    start_dim, end_dim : int
        Default: 1 and -1.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` as several.

    Parameters
    ----------
    dim : int
    unflattened_size : tuple of int
        The lengths of the new axes; one of them may be -1.

    Raises
    ------
    TypeError
        If `dim` is not an integer or `unflattened_size` not a tuple or list of integers.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"dim: expected an integer, got {dim!r}")
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(f"unflattened_size: expected a tuple, got {unflattened_size!r}")
        for i, length in enumerate(unflattened_size):
            if not isinstance(length, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(length).__name__} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Any) -> Any:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
