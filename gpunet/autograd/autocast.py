"""`autocast`: matrix products in float16, what needs the range or the precision in float32."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..backend import Array, backend_of, probe_cuda
from .casting import cast_call
from .mode import MODE
from .tape import Operation

__all__ = ["autocast", "is_autocast_enabled", "mixes", "resumed"]

_DEVICES = ("cpu", "cuda")


class _Block:
    """What is in force in a thread inside an `autocast` block.

    Attributes
    ----------
    enabled : dict
        Device type to whether its operations cast.
    weights : dict or None
        Weights that are rounded already, by the id of their array; None where none are kept.
    """

    __slots__ = ("enabled", "weights")

    def __init__(self, enabled: dict[str, bool], weights: dict[int, Any] | None):
        self.enabled = enabled
        self.weights = weights


class autocast:
    """Mixed precision: a context manager and a decorator, as ``torch.autocast``.

    Inside, matrix products, convolutions, recurrent layers and attention take float16 operands
    and give float16 results; exponentials, softmax, norms, reductions and losses work in float32;
    other operations take the widest type of their inputs. Parameters stay as they are, and so do
    their gradients and the optimiser's state. Backward runs outside the block, each operation in
    the types of its forward. Use it with `gpunet.amp.GradScaler`, which keeps small gradients from
    vanishing in float16.

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
        Only operations on tensors of this device cast. The CPU has no arithmetic in float16: there
        this costs time, and is for tests.
    dtype : dtype, optional
        float16, which is also the default.
    enabled : bool
        False switches an outer block off.
    cache_enabled : bool
        Whether rounded weights are kept until the end of the outermost block.

    Raises
    ------
    ValueError
        If `device_type` is no text, or `dtype` is not float16: NumPy has no bfloat16.
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
        if dtype is not None and enabled:
            _check_dtype(dtype)
        if device_type == "cuda" and enabled and not probe_cuda().usable:
            warnings.warn(
                "User provided device_type of 'cuda', but CUDA is not available. Disabling",
                stacklevel=2,
            )
            enabled = False
        self.device_type = device_type
        self.dtype = dtype
        self.enabled = bool(enabled)
        self.cache_enabled = cache_enabled is None or bool(cache_enabled)
        self.previous: list[_Block | None] = []

    def __enter__(self) -> autocast:
        outer = MODE.autocast
        self.previous.append(outer)
        flags = dict.fromkeys(_DEVICES, False) if outer is None else dict(outer.enabled)
        flags[self.device_type] = self.enabled
        weights = None
        if self.cache_enabled:
            weights = {} if outer is None or outer.weights is None else outer.weights
        _SWITCH.on()
        MODE.autocast = _Block(flags, weights)
        return self

    def __exit__(self, *exception: Any) -> None:
        MODE.autocast = self.previous.pop()
        _SWITCH.off()

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
        self.block = None if block is None else _Block(block.enabled, None)

    def __enter__(self) -> None:
        self.previous = MODE.autocast
        _SWITCH.on()
        MODE.autocast = self.block

    def __exit__(self, *exception: Any) -> None:
        MODE.autocast = self.previous
        _SWITCH.off()


class _Switch:
    """Has operations cast as long as any thread is in a block.

    ``Operation.__call__`` is what is switched, so that outside of blocks it has nothing to ask.
    """

    def __init__(self) -> None:
        self.blocks = 0
        self.lock = threading.Lock()
        self.plain = Operation.__call__

    def on(self) -> None:
        with self.lock:
            self.blocks += 1
            if self.blocks == 1:
                Operation.__call__ = cast_call  # type: ignore[method-assign, assignment]

    def off(self) -> None:
        with self.lock:
            self.blocks -= 1
            if self.blocks == 0:
                Operation.__call__ = self.plain  # type: ignore[method-assign]


_SWITCH = _Switch()


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operations on `device_type` cast in this thread.

    Raises
    ------
    ValueError, RuntimeError
        If there is no such device type.
    """
    _check_device_type(device_type)
    block = MODE.autocast
    return block is not None and block.enabled[device_type]


def mixes(*arrays: Array) -> bool:
    """Whether `autocast` brings these arrays, float16 and float32, to a type that kernels know.

    For functions that otherwise refuse float16, or arguments of different types.
    """
    block = MODE.autocast
    return (
        block is not None
        and block.enabled[backend_of(arrays[0]).name]
        and all([array.dtype.char in "ef" for array in arrays])
    )


def _check_device_type(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DEVICES:
        raise RuntimeError(
            f"User specified an unsupported autocast device_type {device_type!r}; expected "
            "'cuda' or 'cpu'"
        )


def _check_dtype(dtype: Any) -> None:
    if "bfloat16" in str(dtype):
        raise ValueError(
            "dtype: bfloat16 is not supported, as NumPy arrays cannot hold it; use float16, with "
            "gpunet.amp.GradScaler"
        )
    try:
        known = np.dtype(dtype) == np.float16
    except TypeError:
        known = False
    if not known:
        raise ValueError(f"dtype: autocast computes in float16 only, got {dtype}")
