"""The error that says what of a step cannot be captured, and in which line of the user's it is."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np

from ..errors import CaptureError

__all__ = ["refusal", "user_line"]

#: Code that a user does not look into for what they wrote.
_FOLDERS = [str(Path(__file__).parents[1]), str(Path(np.__file__).parent)]
_MODULES = ("cupy", "cupyx", "cupy_backends")


def refusal(what: str) -> CaptureError:
    """The error that says that a step does `what`, and where."""
    return CaptureError(f"{what}{user_line(traceback.extract_stack()[:-1])}")


def user_line(frames: traceback.StackSummary | list[traceback.FrameSummary]) -> str:
    """The innermost of `frames` that is the user's, as a part of a sentence."""
    for frame in reversed(frames):
        parts = Path(frame.filename).parts
        if not frame.filename.startswith(tuple(_FOLDERS)) and not any(m in parts for m in _MODULES):
            return f", at {frame.filename}:{frame.lineno}: {frame.line}"
    return ""
