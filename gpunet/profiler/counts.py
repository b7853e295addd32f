"""What a call computes and moves: floating-point operations, bytes, shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..backend import Array, Backend

__all__ = ["arrays_in", "bytes_of", "kernel_flops", "product_flops", "views"]


def arrays_in(values: Iterable[Any]) -> list[Array]:
    """The arrays among arguments."""
    return [x for x in values if hasattr(x, "nbytes") and hasattr(x, "strides")]


def bytes_of(arrays: Iterable[Any]) -> int:
    """The bytes of `arrays`; what is repeated by a stride of 0 counts once."""
    total = 0
    for x in arrays:
        nbytes = x.nbytes
        if 0 in x.strides:
            nbytes = x.itemsize * math.prod([n for n, stride in zip(x.shape, x.strides) if stride])
        total += nbytes
    return total


def views(be: Backend, array: Array, others: Iterable[Array]) -> bool:
    """Whether `array` is memory of one of `others`, so that nothing was moved to make it."""
    if not array.size:
        return True
    place = be.address(array)
    kind: Any = be.array_type  # the host's arrays have other addresses
    own = [x for x in others if type(x) is kind and x.size]
    return any(0 <= place - be.address(x) < x.nbytes for x in own)


def product_flops(A: Array, B: Array) -> int:
    """``2 M N K`` for each of the products of two matrices or stacks of them."""
    return 2 * A.size * B.shape[-1]


def _windows(out: int, weight: int) -> Callable[[Sequence[Any]], int]:
    """Of a convolution whose output (or its gradient) and weight are these arguments.

    Counted as the sum over all windows, also where a faster algorithm takes fewer multiplications.
    """
    return lambda x: 2 * (x[out].size // max(1, x[out].shape[-1])) * x[weight].size


def _steps(*weights: int) -> Callable[[Sequence[Any]], int]:
    """Of a recurrent layer: the rows of all steps times these weights."""

    def flops(x: Sequence[Any]) -> int:
        return 2 * x[0].shape[0] * sum([x[i].size for i in weights if x[i] is not None])

    return flops


#: Kernels that are products in the first place. The others are measured by the bytes they move.
_FLOPS: dict[str, Callable[[Sequence[Any]], int]] = {
    "conv_forward": _windows(4, 1),
    "conv_backward_input": _windows(0, 1),
    "conv_backward_weight": _windows(1, 2),
    "depthwise_forward": _windows(3, 1),
    "depthwise_backward_input": _windows(0, 1),
    "depthwise_backward_weight": _windows(1, 2),
    "rnn_forward": _steps(1),
    "rnn_backward": _steps(2),
    "gru_forward": _steps(1),
    "gru_backward": _steps(2),
    "lstm_forward": _steps(1, 4),
    "lstm_backward": _steps(2, 3),
}


def kernel_flops(name: str, arguments: Sequence[Any]) -> int:
    """The floating-point operations of a call of the kernel `name`; 0 where they are few."""
    count = _FLOPS.get(name)
    return count(arguments) if count is not None else 0
