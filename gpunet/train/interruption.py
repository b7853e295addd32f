"""Ctrl-C and termination that wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Interrupted", "Interruption", "deferred"]


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop, and stopped between two steps.

    Attributes
    ----------
    signal : int
        ``signal.SIGINT`` (Ctrl-C) or ``signal.SIGTERM``.
    """

    def __init__(self, number: int):
        super().__init__(f"training was interrupted by {signal.Signals(number).name}")
        self.signal = number


class Interruption:
    """Whether a signal has come.

    Attributes
    ----------
    number : int
        The signal; 0 while none has come.
    """

    def __init__(self) -> None:
        self.number = 0

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come. To be called where the state is whole."""
        if self.number:
            raise Interrupted(self.number)


@contextmanager
def deferred() -> Iterator[Interruption]:
    """A context in which Ctrl-C and SIGTERM are noted rather than raised.

    A signal in the middle of an optimiser step would leave half the weights changed. The second
    one is raised at once, for a step that does not end. In a thread other than the main one, to
    which Python delivers no signals, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before: dict[int, Any] = {}

    def note(number: int, frame: Any) -> None:
        if interruption.number:
            raise Interrupted(number)
        interruption.number = number

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not None:  # None: not installed from Python
                before[number] = signal.signal(number, note)
        yield interruption
    finally:
        for noted, handler in before.items():
            signal.signal(noted, handler)
