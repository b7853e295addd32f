"""Max pooling and its partial inverse."""

from __future__ import annotations

import math
from operator import index
from typing import Any

from ...autograd import Operation, Variable
from ...functions.shape import squeeze, unsqueeze
from ...ops import pool as _ops
from ._windows import batched, hashable, lengths_of, windows

__all__ = ["max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d"]

_max_pool = Operation(_ops.max_pool_forward, _ops.max_pool_backward)
_max_unpool = Operation(_ops.max_unpool_forward, _ops.max_unpool_backward)


def _with_indices(be: Any, X: Any, **how: Any) -> Any:
    Y, saved = _ops.max_pool_forward(be, X, **how)
    return (Y, _ops.max_positions(be, saved)), saved


def _backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    return _ops.max_pool_backward(be, dY[0], saved, needs)


_max_pool_indices = Operation(_with_indices, _backward, outputs=2, name="max_pool")


def max_pool1d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` for an input of shape (N, C, L) or (C, L)."""
    return _pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool2d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window, channel by channel.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    kernel_size : int or tuple of 2 int
    stride : int or tuple of 2 int, optional
        From one window to the next. Default: `kernel_size`.
    padding : int or tuple of 2 int
        Places on each side that windows may cover, as if they were -inf.
    dilation : int or tuple of 2 int
        From one element of a window to the next.
    ceil_mode : bool
        Whether a last window may reach beyond the padding.
    return_indices : bool
        Also return where in its (row-major) image each maximum was, an int64 tensor.

    Raises
    ------
    RuntimeError, TypeError
        If windows and input do not fit.
    """
    return _pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool3d(
    input: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` for an input of shape (N, C, D, H, W) or (C, D, H, W)."""
    return _pool(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _pool(
    name: str,
    axes: int,
    input: Variable,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    if not batched(name, input, axes):
        result = _pool(
            name, axes, unsqueeze(input, 0), kernel_size, stride, padding, dilation, ceil_mode,
            return_indices,
        )  # fmt: skip
        if return_indices:
            return tuple([squeeze(y, 0) for y in result])
        return squeeze(result, 0)
    out, kernel, step, pad, spread = windows(
        name, input.array.shape[2:], *hashable(kernel_size, stride, padding, dilation), ceil_mode
    )
    how = {"out": out, "kernel": kernel, "stride": step, "padding": pad, "dilation": spread}
    if not return_indices:
        return _max_pool(input, **how)
    values, indices = _max_pool_indices(input, **how)
    return values, Operation.result(indices.array)  # which has no gradient


def max_unpool1d(
    input: Variable,
    indices: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """`max_unpool2d` for an input of shape (N, C, L) or (C, L)."""
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Variable,
    indices: Variable,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """The partial inverse of `max_pool2d`: each maximum at the place it came from, zeros elsewhere.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    indices : Tensor of the same shape
        What `max_pool2d` returned with `return_indices`. Where an index comes twice, one of the
        values is taken. On a GPU, which is not waited for, indices are not checked.
    kernel_size, stride, padding : int or tuple of 2 int
        Those of the pooling.
    output_size : sequence of int, optional
        The shape of the output or its last two lengths, which the above leave open: less than a
        stride away from ``(n - 1) stride - 2 padding + kernel_size``, the default.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        If shapes do not fit, or an index is outside the output.
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def _unpool(
    name: str,
    axes: int,
    input: Variable,
    indices: Variable,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Any:
    batch = batched(name, input, axes)
    X, places = input.array, indices.array
    if places.dtype.name != "int64":
        raise RuntimeError(
            f"{name}: elements in indices should be type int64 but got: {places.dtype}"
        )
    if places.shape != X.shape:
        raise RuntimeError(
            f"{name}: Expected shape of indices to be same as that of the input tensor "
            f"({list(X.shape)}) but got indices tensor with shape: {list(places.shape)}"
        )
    kernel = lengths_of(kernel_size, axes, f"{name}: kernel_size")
    step = kernel if stride in (None, [], ()) else lengths_of(stride, axes, f"{name}: stride")
    pad = lengths_of(padding, axes, f"{name}: padding")
    out = _unpooled(X.shape[-axes:], kernel, step, pad, output_size)
    try:
        if batch:
            return _max_unpool(input, indices, out=out)
        return squeeze(_max_unpool(unsqueeze(input, 0), unsqueeze(indices, 0), out=out), 0)
    except IndexError:
        raise RuntimeError(
            f"{name}: Found an invalid max index: expected indices from 0 to {math.prod(out) - 1}, "
            f"as the output volumes are of size {'x'.join(map(str, out))}"
        ) from None


def _unpooled(
    lengths: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_size: Any,
) -> tuple[int, ...]:
    """The lengths of the output."""
    default = tuple(
        [(n - 1) * s + k - 2 * p for n, k, s, p in zip(lengths, kernel, stride, padding)]
    )
    if output_size is None:
        return default
    axes = len(default)
    sizes = tuple(map(index, output_size))
    if len(sizes) == axes + 2:
        sizes = sizes[2:]
    if len(sizes) != axes:
        raise ValueError(
            f"output_size should be a sequence containing {axes} or {axes + 2} elements, but it "
            f"has a length of '{len(sizes)}'"
        )
    for size, n, s in zip(sizes, default, stride):
        if not n - s < size < n + s:
            raise ValueError(
                f'invalid output_size "{list(sizes)}" (dim {sizes.index(size)} must be between '
                f"{n - s} and {n + s})"
            )
    return sizes
