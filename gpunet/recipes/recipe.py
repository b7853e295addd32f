"""What a recipe consists of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..nn import Module
from ..utils.data import TensorDataset

__all__ = ["Recipe", "Settings"]


@dataclass(frozen=True)
class Settings:
    """What a user may set.

    Raises
    ------
    ValueError
        If `epochs` or `batch_size` is below 1 or `lr` is not positive and finite.
    """

    epochs: int
    batch_size: int
    lr: float

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr: expected a positive number, got {self.lr}")

    def replace(self, **changes: Any) -> Settings:
        """The same settings with those `changes` that are not None."""
        return dataclasses.replace(self, **{k: v for k, v in changes.items() if v is not None})


@dataclass(frozen=True)
class Recipe:
    """A model, its data and settings that work.

    Attributes
    ----------
    name, description : str
    settings : Settings
    model : callable
        No arguments; a new model on the CPU, its weights drawn from gpunet's generator.
    data : callable
        From a device to the training set and the held-out set, on that device.
    loss : callable
        No arguments; the loss function.
    optimizer : callable
        From parameters and a learning rate to the optimiser.
    """

    name: str
    description: str
    settings: Settings
    model: Callable[[], Module]
    data: Callable[[Any], tuple[TensorDataset, TensorDataset]]
    loss: Callable[[], Callable[[Any, Any], Any]]
    optimizer: Callable[[Iterable[Any], float], Any]
