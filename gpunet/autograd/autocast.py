"""`autocast`: matrix products in 16 bits, what needs the range or the precision in float32."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..backend import Array, backend_of, probe_cuda
from ..dtypes import bfloat16_dtype
from .casting import SWITCH
from .mode import MODE

__all__ = ["autocast", "get_autocast_dtype", "is_autocast_enabled", "mixes", "resumed"]

#: The device types, with the dtype that each has by default.
_DEVICES = {"cpu": "bfloat16", "cuda": "float16"}
#: The dtypes by name, with what ``dtype.char`` is for them.
_KINDS = {"bfloat16": "E", "float16": "e"}


class _Block:
    """What is in force in a thread inside an `autocast` block.

    Attributes
    ----------
    kinds : dict
        Device type to the ``char`` of the dtype to which its operations cast; "" for none.
    weights : dict or None
        Weights that are rounded already, by the id of their array and the char of the dtype; None
        where none are kept.
    """

    __slots__ = ("kinds", "weights")

    def __init__(self, kinds: dict[str, str], weights: dict[Any, Any] | None):
        self.kinds = kinds
        self.weights = weights


class autocast:
    """Mixed precision: a context manager and a decorator, as ``torch.autocast``.

    Inside, matrix products, convolutions, recurrent layers and attention take operands of `dtype`
    and give results of `dtype`; exponentials, softmax, norms, reductions and losses work in
    float32; other operations take the widest type of their inputs. Parameters stay as they are, and
    so do their gradients and the optimiser's state. Backward runs outside the block, each operation
    in the types of its forward. Use float16 with `gpunet.amp.GradScaler`, which keeps small
    gradients from vanishing; bfloat16 has the range of float32 and does not need it.

    ::

        with gpunet.autocast("cuda"):
            loss = loss_function(model(x), y)
        scaler.scale(loss).backward()

    Blocks can be nested, also with ``enabled=False``, and count for their thread alone. A weight
    is rounded once in the outermost block.

    Source: Micikevicius et al., Mixed Precision Training (2018), in PyTorch's form.

    Parameters
    ----------
    device_type : {"cuda", "cpu"}
        Only operations on tensors of this device cast. The CPU has no arithmetic in 16 bits: there
        this costs time, and is for tests.
    dtype : dtype, optional
        float16 or bfloat16. Default: float16 on "cuda", bfloat16 on "cpu".
    enabled : bool
        False switches an outer block off.
    cache_enabled : bool
        Whether rounded weights are kept until the end of the outermost block.

    Raises
    ------
    ValueError
        If `device_type` is no text, or `dtype` is neither float16 nor bfloat16.
    RuntimeError
        If there is no such device type.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        _check_device_type(device_type)
        found = _DEVICES[device_type]
        if dtype is not None and enabled:
            found = _checked_dtype(dtype)
        if device_type == "cuda" and enabled and not probe_cuda().usable:
            warnings.warn(
                "User provided device_type of 'cuda', but CUDA is not available. Disabling",
                stacklevel=2,
            )
            enabled = False
        self.device_type = device_type
        self.kind = _KINDS[found]
        self.dtype = dtype
        self.enabled = bool(enabled)
        if self.enabled and found == "bfloat16":
            bfloat16_dtype()  # so that operations know it
        self.cache_enabled = cache_enabled is None or bool(cache_enabled)
        self.previous: list[_Block | None] = []

    def __enter__(self) -> autocast:
        outer = MODE.autocast
        self.previous.append(outer)
        kinds = dict.fromkeys(_DEVICES, "") if outer is None else dict(outer.kinds)
        kinds[self.device_type] = self.kind if self.enabled else ""
        weights = None
        if self.cache_enabled:
            weights = {} if outer is None or outer.weights is None else outer.weights
        SWITCH.on()
        MODE.autocast = _Block(kinds, weights)
        return self

    def __exit__(self, *exception: Any) -> None:
        MODE.autocast = self.previous.pop()
        SWITCH.off()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            # A block of its own: the function may run in several threads at once.
            with type(self)(self.device_type, self.dtype, self.enabled, self.cache_enabled):
                return function(*args, **kwargs)

        return wrapper


class resumed:
    """The `autocast` state that a thread was in, again: for what runs twice.

    Parameters
    ----------
    block : _Block or None
        ``MODE.autocast`` of then. None is the state outside of blocks.
    """

    def __init__(self, block: _Block | None):
        # What was rounded then is let go of, as it was at the end of the block.
        self.block = None if block is None else _Block(block.kinds, None)

    def __enter__(self) -> None:
        self.previous = MODE.autocast
        SWITCH.on()
        MODE.autocast = self.block

    def __exit__(self, *exception: Any) -> None:
        MODE.autocast = self.previous
        SWITCH.off()


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operations on `device_type` cast in this thread.

    Raises
    ------
    ValueError, RuntimeError
        If there is no such device type.
    """
    _check_device_type(device_type)
    block = MODE.autocast
    return block is not None and block.kinds[device_type] != ""


def get_autocast_dtype(device_type: str) -> np.dtype:
    """The dtype of matrix products in an `autocast` block, in this thread's or by default.

    Raises
    ------
    ValueError, RuntimeError
        If there is no such device type.
    """
    _check_device_type(device_type)
    block = MODE.autocast
    kind = "" if block is None else block.kinds[device_type]
    name = {"e": "float16", "E": "bfloat16"}.get(kind, _DEVICES[device_type])
    return bfloat16_dtype() if name == "bfloat16" else np.dtype(name)


def mixes(*arrays: Array) -> bool:
    """Whether an operation on these arrays brings them to a type that kernels know.

    `autocast` does so with float16, bfloat16 and float32, and without it bfloat16 alone is brought
    to float32. For functions that otherwise refuse 16 bits, or arguments of different types.
    """
    block = MODE.autocast
    if block is not None and block.kinds[backend_of(arrays[0]).name]:
        return all([array.dtype.char in "efE" for array in arrays])
    return all([array.dtype.char == "E" for array in arrays])


def _check_device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        raise RuntimeError(
            f"User specified an unsupported autocast device_type {device_type!r}; expected "
            "'cuda' or 'cpu'"
        )


def _checked_dtype(dtype: Any) -> str:
    """The name of `dtype`."""
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in _KINDS:
        raise ValueError(f"dtype: autocast computes in float16 or bfloat16 only, got {dtype}")
    return name
