"""New tensors with numbers in a row, and the identity matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import as_dtype, get_default_dtype
from .creation import element_type, made, number, place

__all__ = [
    "arange",
    "eye",
    "linspace",
    "logspace",
]


def _sequence(
    device: Any, dtype: np.dtype, requires_grad: bool, make: Callable[[Any], Array]
) -> Any:
    backend, device = place(device)
    with backend.on(device):
        return made(make(backend.xp).astype(dtype, copy=False), requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """``start, start + step, ...`` up to and without `end`; ``arange(end)`` starts at 0.

    Parameters
    ----------
    start, end, step : number
    dtype : dtype, optional
        Default: int64 for whole numbers, the default dtype if one is a float.
    device : str or Device, optional
    requires_grad : bool

    Raises
    ------
    RuntimeError
        If `step` is zero, or leads away from `end`.
    """
    if end is None:
        start, end = 0, start
    start, end, step = number(start, "start"), number(end, "end"), number(step, "step")
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"arange: upper bound and lower bound inconsistent with step sign: start {start}, "
            f"end {end}, step {step}"
        )
    whole = not any(isinstance(x, float) for x in (start, end, step))
    if dtype is None:
        dtype = "int64" if whole else get_default_dtype()
    if whole:
        return _sequence(
            device, as_dtype(dtype), requires_grad, lambda xp: xp.arange(start, end, step, "int64")
        )
    if not math.isfinite((end - start) / step):
        raise RuntimeError(f"arange: expected finite bounds, got start {start} and end {end}")
    count = math.ceil((end - start) / step)
    return _sequence(
        device,
        as_dtype(dtype),
        requires_grad,
        lambda xp: xp.arange(count, dtype="float64") * step + start,
    )


def _ends(name: str, start: Any, end: Any, steps: int) -> tuple[Any, Any]:
    if steps < 0:
        raise RuntimeError(f"{name}: steps: expected a number of at least 0, got {steps}")
    return number(start, "start"), number(end, "end")


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    start, end = _ends("linspace", start, end, steps)
    return _sequence(
        device,
        element_type(dtype),
        requires_grad,
        lambda xp: xp.linspace(start, end, steps, dtype="float64"),
    )


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """``base ** x`` for `steps` numbers x at equal distances from `start` to `end`."""
    start, end = _ends("logspace", start, end, steps)
    return _sequence(
        device,
        element_type(dtype),
        requires_grad,
        lambda xp: xp.power(float(base), xp.linspace(start, end, steps, dtype="float64")),
    )


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """The matrix of shape (n, m), by default (n, n), with ones on the diagonal."""
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"eye: n and m must not be negative, got {n} and {m}")
    dtype = element_type(dtype)
    return _sequence(device, dtype, requires_grad, lambda xp: xp.eye(n, m, dtype=dtype))
