"""Files: safetensors for arrays and states, and writing that never leaves half a file behind."""

from __future__ import annotations

from .atomic import replacing
from .safetensors import load_file, load_metadata, save_file
from .state import load_state, save_state

__all__ = ["load_file", "load_metadata", "load_state", "replacing", "save_file", "save_state"]
