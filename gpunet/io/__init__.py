"""Files: safetensors for arrays, and writing that never leaves half a file behind."""

from __future__ import annotations

from .atomic import replacing
from .safetensors import load_file, load_metadata, save_file

__all__ = ["load_file", "load_metadata", "replacing", "save_file"]
