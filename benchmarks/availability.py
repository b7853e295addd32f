"""Which sides can run here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import lru_cache

from .case import PEERS, Side

__all__ = ["missing"]

#: Prints whether a module finds a GPU.
_PROBES = {
    "gpunet": "import gpunet; print(gpunet.cuda.is_available())",
    "torch": "import torch; print(torch.cuda.is_available())",
    "jax": "import jax; print(any(d.platform == 'gpu' for d in jax.devices()))",
}


def missing(side: Side) -> str:
    """What `side` lacks here: "not installed", "no GPU", or nothing."""
    module = PEERS[side.peer]
    if importlib.util.find_spec(module) is None:
        return "not installed"
    return "no GPU" if side.device == "cuda" and not finds_gpu(module) else ""


@lru_cache
def finds_gpu(module: str) -> bool:
    """Asked in another process: a library that has looked for a GPU keeps memory on it."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBES[module]], capture_output=True, text=True, check=False
    )
    return done.stdout.split()[-1:] == ["True"]
