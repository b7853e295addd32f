"""The training loop."""

from __future__ import annotations

from .callback import Callback
from .progress import Progress
from .trainer import EpochResult, Trainer

__all__ = ["Callback", "EpochResult", "Progress", "Trainer"]
