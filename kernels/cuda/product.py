"""The matrix product that kernels are made of: CuPy's, or what a backend has instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["dot", "dot_bias_act", "use"]


def _cupy_dot(A: Any, B: Any, out: Any = None) -> Any:
    import cupy

    return cupy.dot(A, B, out)


def _never(A: Any, B: Any, bias: Any, act: int, out: Any) -> bool:
    return False


_dot: Callable[..., Any] = _cupy_dot
_dot_bias_act: Callable[..., bool] = _never


def dot(A: Any, B: Any, out: Any = None) -> Any:
    """``out = A B``."""
    return _dot(A, B, out)


def dot_bias_act(A: Any, B: Any, bias: Any, act: int, out: Any) -> bool:
    """``out = act(A B + bias)``, for matrices of which none is empty, with `act` as in the kernel
    ``bias_act_forward``; False, and `out` is as it was or garbage, where there is no such product.
    """
    return _dot_bias_act(A, B, bias, act, out)


def use(product: Callable[..., Any], with_bias: Callable[..., bool]) -> None:
    """Have `dot` and `dot_bias_act` call these functions, which have their parameters."""
    global _dot, _dot_bias_act
    _dot, _dot_bias_act = product, with_bias
