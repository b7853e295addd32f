"""`record_function`: a range of the user's own."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from .recorder import RECORDING

__all__ = ["record_function"]


class record_function(ContextDecorator):
    """A named range in the profile, as ``torch.profiler.record_function``.

    A context or a decorator. While nothing is profiled it does nothing.

    Parameters
    ----------
    name : str
    args : str, optional
        Ignored, as PyTorch does where nothing observes it.

    Examples
    --------
    >>> with gpunet.profiler.record_function("loss"):  # doctest: +SKIP
    ...     loss = loss_fn(model(x), y)
    """

    def __init__(self, name: str, args: str | None = None):
        if not isinstance(name, str):
            raise TypeError(f"record_function: name: expected a string, got {type(name).__name__}")
        self.name = name
        self._open: list[tuple[Any, Any]] = []

    def _recreate_cm(self) -> record_function:
        return type(self)(self.name)  # a decorated function may call itself, or run in two threads

    def __enter__(self) -> record_function:
        recorder = RECORDING.recorder
        event = None if recorder is None else recorder.begin(self.name, "user")
        self._open.append((recorder, event))
        return self

    def __exit__(self, *error: object) -> None:
        recorder, event = self._open.pop()
        if recorder is not None:
            recorder.end(event)
