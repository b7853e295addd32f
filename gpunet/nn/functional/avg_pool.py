"""Average pooling."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...functions.shape import squeeze, unsqueeze
from ...ops import pool as _ops
from ._windows import batched, hashable, windows

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d"]

_avg_pool = Operation(_ops.avg_pool_forward, _ops.avg_pool_backward)


def avg_pool1d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """`avg_pool2d` for an input of shape (N, C, L) or (C, L)."""
    return _pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def avg_pool2d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The average of every window, channel by channel.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    kernel_size : int or tuple of 2 int
    stride : int or tuple of 2 int, optional
        From one window to the next. Default: `kernel_size`.
    padding : int or tuple of 2 int
        Zeros on each side that windows may cover.
    ceil_mode : bool
        Whether a last window may reach beyond the padding.
    count_include_pad : bool
        Whether the zeros count as elements of the window.
    divisor_override : int, optional
        What the sum is divided by, in place of the number of elements.

    Raises
    ------
    RuntimeError, TypeError
        If windows and input do not fit.
    """
    return _pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def avg_pool3d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """`avg_pool2d` for an input of shape (N, C, D, H, W) or (C, D, H, W)."""
    return _pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def _pool(
    name: str,
    axes: int,
    input: Variable,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    if divisor == 0:
        raise RuntimeError(f"{name}: divisor_override: divisor must be not zero")
    batch = batched(name, input, axes)
    lengths = input.array.shape[-axes:]
    out, kernel, step, pad, _ = windows(
        name, lengths, *hashable(kernel_size, stride, padding), 1, ceil_mode
    )
    how = {
        "out": out, "kernel": kernel, "stride": step, "padding": pad,
        "include_pad": bool(count_include_pad), "divisor": divisor or 0,
    }  # fmt: skip
    if batch:
        return _avg_pool(input, **how)
    return squeeze(_avg_pool(unsqueeze(input, 0), **how), 0)
