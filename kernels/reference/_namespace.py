"""NumPy or CuPy, by the kind of an array."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["namespace"]


def namespace(array: Any) -> ModuleType:
    """The module whose functions work on `array`: ``numpy`` or ``cupy``."""
    return np if isinstance(array, np.ndarray) else sys.modules["cupy"]
