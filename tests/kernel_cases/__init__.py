"""Arguments for every kernel, one file a family, as in ``kernels/reference``.

``CASES[name]`` is a list of functions ``make(rng, dtype) -> Case``; ``test_forms.py`` runs every
form of the kernel on every case in every dtype.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Case", "all_cases"]


@dataclass
class Case:
    """One call of a kernel.

    Attributes
    ----------
    args : tuple
        NumPy arrays and numbers, in the order of the kernel's parameters. Output arrays hold
        garbage (use `garbage`), unless the kernel updates them in place.
    outputs : tuple of int
        The positions of the arrays that the kernel writes; all others must stay as they are.
    alias : tuple of pairs
        Positions (i, j) of arguments that may be one and the same array; each is run like that too.
    rtol : float or None
        Relative tolerance instead of the usual one for the dtype.
    """

    args: tuple[Any, ...]
    outputs: tuple[int, ...]
    alias: tuple[tuple[int, int], ...] = ()
    rtol: float | None = None


def garbage(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array in which an element that was not written shows."""
    return (
        np.full(shape, -12345, dtype)
        if np.dtype(dtype).kind in "iu"
        else np.full(shape, np.nan, dtype)
    )


def all_cases() -> dict[str, list[Callable[[np.random.Generator, Any], Case]]]:
    """The cases of all families, by kernel name."""
    cases: dict[str, list[Any]] = {}
    for family in pkgutil.iter_modules(__path__):
        if family.name.startswith("_"):
            continue
        cases.update(importlib.import_module(f"{__name__}.{family.name}").CASES)
    return cases
