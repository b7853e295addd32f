"""The matrix product that kernels are made of: CuPy's, or what a backend has instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["dot", "use"]


def _cupy_dot(A: Any, B: Any, out: Any = None) -> Any:
    import cupy

    return cupy.dot(A, B, out)


_dot: Callable[..., Any] = _cupy_dot


def dot(A: Any, B: Any, out: Any = None) -> Any:
    """``out = A B``, for two matrices of which none is empty."""
    return _dot(A, B, out)


def use(product: Callable[..., Any]) -> None:
    """Have `dot` call `product`, a function with its parameters."""
    global _dot
    _dot = product
