"""Functions of tensors that layers are made of, as ``torch.nn.functional``."""

from __future__ import annotations

from .linear import bilinear, linear

__all__ = ["bilinear", "linear"]
