"""How every Numba kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["FAST_MATH", "inline", "kernel"]

# The reassociation and contraction that vectorisation needs; NaN and infinity keep their meaning.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for one thread at its first call, and keep the result on disk.

    One thread; kernels whose work is large share it by `team`.
    """
    return numba.njit(cache=True, nogil=True, fastmath=FAST_MATH, error_model="numpy")(function)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a scalar helper into the kernels that call it."""
    return numba.njit(inline="always", fastmath=FAST_MATH, error_model="numpy")(function)
