"""Switching the tape on and off: `no_grad`, `enable_grad`, `set_grad_enabled`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = [
    "MODE",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


class _Mode(threading.local):
    enabled = True
    autocast: Any = None


#: Whether this thread records operations, and its `autocast` block, if it is in one.
MODE = _Mode()


class set_grad_enabled:
    """Switch the tape on or off, at once and as a context manager or decorator.

    Parameters
    ----------
    mode : bool
    """

    def __init__(self, mode: bool):
        self.previous = MODE.enabled
        self.mode = mode
        MODE.enabled = mode

    def __enter__(self) -> None:
        MODE.enabled = self.mode

    def __exit__(self, *exception: Any) -> None:
        MODE.enabled = self.previous


class no_grad:
    """No operation inside is recorded; a context manager and a decorator, as in PyTorch."""

    mode = False

    def __init__(self) -> None:
        self.previous: list[bool] = []

    def __enter__(self) -> None:
        self.previous.append(MODE.enabled)
        MODE.enabled = self.mode

    def __exit__(self, *exception: Any) -> None:
        MODE.enabled = self.previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapper


class enable_grad(no_grad):
    """Operations inside are recorded, even within `no_grad`."""

    mode = True


class inference_mode(no_grad):
    """`no_grad` under PyTorch's name for evaluation; ``inference_mode(False)`` changes nothing.

    Parameters
    ----------
    mode : bool
    """

    def __init__(self, mode: bool = True):
        super().__init__()
        self.inference = mode

    def __enter__(self) -> None:
        self.previous.append(MODE.enabled)
        MODE.enabled = MODE.enabled and not self.inference

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with inference_mode(self.inference):
                return function(*args, **kwargs)

        return wrapper


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return MODE.enabled
