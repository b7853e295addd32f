"""Mixed precision, as ``torch.amp``: `autocast` and `GradScaler`."""

from __future__ import annotations

from ..autograd import autocast, is_autocast_enabled
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_enabled"]
