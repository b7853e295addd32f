"""The training loop: watched, stopped, resumed exactly, and kept in a folder."""

from __future__ import annotations

from .callback import Callback
from .callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from .curve import plot_history
from .interruption import Interrupted
from .metrics import accuracy
from .nonfinite import NonFiniteLoss
from .progress import Progress
from .run_folder import NotARun, RunFolder
from .trainer import Trainer

__all__ = [
    "Callback",
    "EarlyStopping",
    "Interrupted",
    "LearningRateMonitor",
    "ModelCheckpoint",
    "NonFiniteLoss",
    "NotARun",
    "Progress",
    "RunFolder",
    "Trainer",
    "accuracy",
    "plot_history",
]
