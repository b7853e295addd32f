"""Attributes that are replaced for a while: by a profile, or while a step is recorded."""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = ["Swaps"]

_ABSENT = object()


class Swaps:
    """Replaces attributes, and puts them back as they were: at the latest at the end of a block."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def put(self, holder: Any, name: str, value: Any) -> None:
        """Make `value` the attribute `name` of `holder`."""
        own = vars(holder).get(name, _ABSENT)
        setattr(holder, name, value)
        self._before.append((holder, name, own))

    def restore(self) -> None:
        """Put everything back as it was, the last first."""
        while self._before:
            holder, name, own = self._before.pop()
            if own is _ABSENT:
                delattr(holder, name)
            else:
                setattr(holder, name, own)

    def __enter__(self) -> Swaps:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore()
