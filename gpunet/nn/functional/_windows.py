"""How the windows of a pooling lie in an image: the checks, and the number of windows."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import Any

from ...autograd import Variable, mixes

__all__ = ["batched", "hashable", "lengths_of", "windows"]


def hashable(*values: Any) -> list[Any]:
    """The values, lists as tuples."""
    return [tuple(x) if isinstance(x, list) else x for x in values]


def lengths_of(value: Any, axes: int, where: str) -> tuple[int, ...]:
    """A number for each axis, from one for all or from a sequence.

    Raises
    ------
    TypeError
        If they are not whole numbers.
    RuntimeError
        If there are neither one nor `axes`.
    """
    try:
        lengths = tuple(map(index, value if hasattr(value, "__iter__") else (value,)))
    except TypeError:
        raise TypeError(f"{where}: expected an int or a tuple of ints, got {value!r}") from None
    if len(lengths) == 1:
        return lengths * axes
    if len(lengths) != axes:
        raise RuntimeError(
            f"{where} must either be a single int, or a tuple of {axes} ints, got {value!r}"
        )
    return lengths


def batched(name: str, input: Any, axes: int) -> bool:
    """Check `input`; whether it has a batch axis.

    Raises
    ------
    TypeError, RuntimeError
        If it is no tensor of floating-point numbers of shape (N, C, *L) or (C, *L), with `axes`
        lengths.
    """
    if not isinstance(input, Variable):
        raise TypeError(f"{name}: input must be a Tensor, not {type(input).__name__}")
    X = input.array
    if X.dtype.char not in "fd" and not mixes(X):
        raise RuntimeError(f"{name}: input must have dtype float32 or float64, got {X.dtype}")
    if X.ndim not in (axes + 1, axes + 2) or 0 in X.shape[X.ndim - axes - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {axes + 1}D or {axes + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(X.shape)}"
        )
    return X.ndim == axes + 2


@lru_cache(maxsize=1024, typed=True)  # 2.0 is not taken for 2
def windows(
    name: str,
    lengths: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> tuple[tuple[int, ...], ...]:
    """The windows along D, H and W, then kernel, stride, padding and dilation, each three numbers.

    Raises
    ------
    TypeError, RuntimeError
        If an argument is no length, or the windows do not fit.
    """
    axes = len(lengths)
    kernel = lengths_of(kernel_size, axes, f"{name}: kernel_size")
    step = kernel if stride in (None, ()) else lengths_of(stride, axes, f"{name}: stride")
    pad = lengths_of(padding, axes, f"{name}: padding")
    spread = lengths_of(dilation, axes, f"{name}: dilation")
    if min(kernel) <= 0:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {kernel}")
    if min(step) <= 0:
        raise RuntimeError(f"{name}: stride should be greater than zero, but got {step}")
    if min(spread) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, but got {spread}")
    out = []
    for n, k, s, p, e in zip(lengths, kernel, step, pad, spread):
        if p < 0:
            raise RuntimeError(f"{name}: pad must be non-negative, but got pad: {p}")
        reach = e * (k - 1) + 1
        if p > reach // 2:
            raise RuntimeError(
                f"{name}: pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation={e}"
            )
        o = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
        # The last window does not start behind the image.
        out.append(o - 1 if ceil_mode and (o - 1) * s >= n + p else o)
    if min(out) <= 0:
        raise RuntimeError(
            f"{name}: Given input size: {lengths}. Calculated output size: {tuple(out)}. "
            "Output size is too small"
        )
    more = 3 - axes
    return (
        (1,) * more + tuple(out),
        (1,) * more + kernel,
        (1,) * more + step,
        (0,) * more + pad,
        (1,) * more + spread,
    )
