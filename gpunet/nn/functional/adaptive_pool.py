"""Pooling to an output of a given size."""

from __future__ import annotations

from operator import index
from typing import Any

from ...autograd import Operation, Variable
from ...functions.shape import squeeze, unsqueeze
from ...ops import adaptive_pool as _ops
from ._windows import batched

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
]

_avg = Operation(_ops.adaptive_avg_pool_forward, _ops.adaptive_avg_pool_backward)
_max = Operation(_ops.adaptive_max_pool_forward, _ops.adaptive_max_pool_backward)


def _with_indices(be: Any, X: Any, out: Any) -> Any:
    Y, saved = _ops.adaptive_max_pool_forward(be, X, out)
    return (Y, _ops.adaptive_max_positions(be, saved)), saved


def _backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    return _ops.adaptive_max_pool_backward(be, dY[0], saved, needs)


_max_indices = Operation(_with_indices, _backward, outputs=2, name="adaptive_max_pool")


def adaptive_avg_pool1d(input: Variable, output_size: Any) -> Any:
    """`adaptive_avg_pool2d` for an input of shape (N, C, L) or (C, L)."""
    return _pool("adaptive_avg_pool1d", 1, _avg, input, output_size)


def adaptive_avg_pool2d(input: Variable, output_size: Any) -> Any:
    """The averages of ``output_size`` windows that cover the image, channel by channel.

    Window i of o over n elements covers those from ``floor(i n / o)`` to
    ``ceil((i + 1) n / o) - 1``.

    Parameters
    ----------
    input : Tensor of shape (N, C, H, W) or (C, H, W)
    output_size : int or tuple of 2 (int or None)
        None for the length that the input has.

    Raises
    ------
    RuntimeError, TypeError
        If the arguments are not of these kinds.
    """
    return _pool("adaptive_avg_pool2d", 2, _avg, input, output_size)


def adaptive_max_pool1d(input: Variable, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` for an input of shape (N, C, L) or (C, L)."""
    kind = _max_indices if return_indices else _max
    return _pool("adaptive_max_pool1d", 1, kind, input, output_size)


def adaptive_max_pool2d(input: Variable, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of the windows of `adaptive_avg_pool2d`.

    Parameters
    ----------
    input, output_size
        As there.
    return_indices : bool
        Also return where in its (row-major) image each maximum was, an int64 tensor.

    Raises
    ------
    RuntimeError, TypeError
        If the arguments are not of these kinds.
    """
    kind = _max_indices if return_indices else _max
    return _pool("adaptive_max_pool2d", 2, kind, input, output_size)


def _pool(name: str, axes: int, kind: Operation, input: Variable, output_size: Any) -> Any:
    batch = batched(name, input, axes)
    lengths = input.array.shape[-axes:]
    sizes = output_size if hasattr(output_size, "__iter__") else (output_size,) * axes
    try:
        out = tuple([n if o is None else index(o) for n, o in zip(lengths, sizes, strict=True)])
    except TypeError:
        raise TypeError(
            f"{name}: output_size: expected an int or a tuple of ints, got {output_size!r}"
        ) from None
    except ValueError:
        raise RuntimeError(
            f"{name}: output_size must be {axes} numbers, got {output_size!r}"
        ) from None
    if min(out) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {out}"
        )
    out = (1,) * (3 - axes) + out
    result = kind(input if batch else unsqueeze(input, 0), out=out)
    if kind is not _max_indices:
        return result if batch else squeeze(result, 0)
    values, indices = result[0], Operation.result(result[1].array)  # which has no gradient
    return (values, indices) if batch else (squeeze(values, 0), squeeze(indices, 0))
