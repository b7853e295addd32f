"""What a call computes and moves: floating-point operations, bytes, shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..backend import Array, Backend

__all__ = [
    "arrays_in",
    "bytes_of",
    "kernel_bytes",
    "kernel_flops",
    "moved",
    "product_flops",
    "views",
]


def arrays_in(values: Iterable[Any]) -> list[Array]:
    """The arrays among arguments."""
    return [x for x in values if hasattr(x, "strides")]


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


def moved(name: str, given: list[Array], made: list[Array]) -> int:
    """The bytes that the operation `name` reads and writes, where no kernel says so."""
    if name in _PICKING:
        return 2 * bytes_of(made)
    return bytes_of(given) + bytes_of(made)


def kernel_bytes(name: str, arguments: Sequence[Any]) -> int:
    """The bytes that a call of the kernel `name` reads and writes."""
    total = bytes_of(arrays_in(arguments))
    if name in _TABLES:
        table, picked = _TABLES[name]
        total += arguments[picked].nbytes - arguments[table].nbytes
    return total


#: Operations that read only what they return, of an array that may be far larger.
_PICKING = frozenset(["getitem", "gather"])
#: Kernels that do so: the places of the array, and of what is picked out of it.
_TABLES = {"gather_rows": (1, 0), "embedding_forward": (1, 2)}


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
