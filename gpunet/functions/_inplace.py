"""Operations in place: ``x.fill_(...)``, ``x[i] = v``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import Operation, Variable
from ..autograd.mode import MODE
from ..backend import backend_of

__all__ = ["change"]


def change(
    function: Operation, write: Callable[..., None], x: Variable, *inputs: Any, **options: Any
) -> Any:
    """Give `x` new values and return it.

    Off the tape ``write(backend, x.array, *arrays, **options)`` does so in its memory, which its
    views see. On the tape the memory stays as it is, because operations before this one may have
    saved it: `x` becomes the result of ``function(x, *inputs, **options)``.

    Raises
    ------
    RuntimeError
        If `x` is a leaf that requires a gradient and the tape is on, or repeats elements.
    """
    if MODE.enabled and (
        x.requires_grad or any(isinstance(v, Variable) and v.requires_grad for v in inputs)
    ):
        if x.requires_grad and x.node is None:
            raise RuntimeError(
                f"{function.name}: a leaf tensor that requires a gradient cannot be changed in "
                "place; use no_grad() or the form that is not in place"
            )
        result = function(x, *inputs, **options)
        x.array, x.node, x.requires_grad = result.array, result.node, True
    else:
        array = x.array
        if 0 in array.strides and any(s == 0 and n > 1 for n, s in zip(array.shape, array.strides)):
            raise RuntimeError(
                f"{function.name}: more than one element of the tensor refers to a single memory "
                "location; clone() it before changing it in place"
            )
        arrays = [v.array if isinstance(v, Variable) else v for v in inputs]
        write(backend_of(array), array, *arrays, **options)
        x.mark_changed()
    return x
