"""The Numba forms, loaded when the first array arrives that is large enough to pay for them.

This file imports neither Numba nor the families: `available` and `SMALLEST_WORK` tell the backend
what there is, and `load` imports one family.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

__all__ = ["SMALLEST_WORK", "available", "load"]

#: Elements of a kernel's first argument from which its Numba form is faster than its reference
#: form, as measured by ``python -m benchmarks kernels``. A kernel that is not here has none.
SMALLEST_WORK = {
    "bias_act_forward": 1024,
    "bias_act_backward": 1024,
}

_FAMILY = {
    "bias_act_forward": "activation",
    "bias_act_backward": "activation",
}


def available() -> bool:
    """Whether Numba is installed. Does not import it."""
    return importlib.util.find_spec("numba") is not None


def load(name: str) -> Callable[..., None]:
    """The Numba form of the kernel `name`; the first call imports Numba."""
    family = importlib.import_module(f"{__name__}.{_FAMILY[name]}")
    return getattr(family, name)
