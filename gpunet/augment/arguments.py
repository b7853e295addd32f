"""Checks of the transforms' arguments; each message begins with the argument's name."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["finite", "fraction", "one_of", "pair"]


def fraction(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}")
    return value


def finite(name: str, value: Any) -> float:
    """A number that is 0 or more."""
    if not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a number, 0 or more, got {value!r}")
    return value


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Two integers of at least `least`: of an integer, twice that."""
    both = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(both, tuple | list)
        or len(both) != 2
        or not all(isinstance(x, int) and not isinstance(x, bool) and x >= least for x in both)
    ):
        raise ValueError(f"{name}: expected an integer, {least} or more, or two, got {value!r}")
    return both[0], both[1]


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """One of the texts `known`."""
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    return value
