"""Layers and models, as ``torch.nn``."""

from __future__ import annotations

from .module import Module
from .parameter import Parameter

__all__ = ["Module", "Parameter"]
