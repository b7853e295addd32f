"""How every Numba kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["inline", "kernel"]

# The reassociation and contraction that vectorisation needs; NaN and infinity keep their meaning.
_MATH = {"reassoc", "contract", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for one thread at its first call, and keep the result on disk.

    One thread: waking a sleeping one takes 50 to 150 microseconds, in which a single core streams
    a megabyte. Large products run threaded in BLAS.
    """
    return numba.njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")(function)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a scalar helper into the kernels that call it."""
    return numba.njit(inline="always", fastmath=_MATH, error_model="numpy")(function)
