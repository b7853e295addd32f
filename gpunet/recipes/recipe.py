"""What a recipe consists of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend import Device
from ..functions.softmax import softmax
from ..nn import Module
from ..train import Trainer, accuracy
from ..utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from .run import Run

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
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected an integer, 1 or more, got {value!r}")
        if not (isinstance(self.lr, int | float) and math.isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr: expected a positive number, got {self.lr!r}")

    def replace(self, **changes: Any) -> Settings:
        """The same settings with those `changes` that are not None."""
        return dataclasses.replace(self, **{k: v for k, v in changes.items() if v is not None})


class Recipe:
    """A model, its data and settings that work: the base class.

    A recipe is a class that says what each of these is; `gpunet.recipes.run` puts them together.
    A classifier says `model`, `data`, `loss` and `optimizer`; for anything else there is `trainer`.

    Attributes
    ----------
    name, description : str
    settings : Settings
    classes : tuple of str
        The names of the classes, in the order of the model's outputs.
    image_shape : tuple of int
        Of one input: (C, H, W).
    to_images : bool
        Whether the model makes images of images, of any size, in place of scores of classes.
    metrics : mapping of str to callable
        For `Trainer`.
    """

    name: str
    description: str
    settings: Settings
    classes: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    to_images: bool = False
    metrics: Mapping[str, Callable[[Any, Any], Any]] = {"accuracy": accuracy}

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        """The training set and the held-out set, on the CPU.

        Parameters
        ----------
        folder : Path or None
            Where the user says that the files are.
        """
        raise NotImplementedError(f"{type(self).__name__}.data")

    def loader(
        self, dataset: Any, batch_size: int, device: Device, shuffle: bool
    ) -> DataLoader | None:
        """The mini-batches of one of the two parts of `data`; None for rows of its tensors.

        Parameters
        ----------
        dataset : as `data` returned it
            On `device` already if it fits there (see `placement`).
        batch_size : int
            In training that of the settings; otherwise as many as fit.
        device : Device
            Where the mini-batches go.
        shuffle : bool
            Whether this is the training part.
        """
        return None

    def model(self) -> Module:
        """A new model on the CPU, its weights drawn from gpunet's generator."""
        raise NotImplementedError(f"{type(self).__name__}.model")

    def loss(self) -> Callable[[Any, Any], Any]:
        """The loss function."""
        raise NotImplementedError(f"{type(self).__name__}.loss")

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> Any:
        """The optimiser of `parameters`."""
        raise NotImplementedError(f"{type(self).__name__}.optimizer")

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> Any:
        """The schedule of the learning rate, a step of it for each mini-batch; None for none.

        Parameters
        ----------
        optimizer : Optimizer
        settings : Settings
        batches : int
            Mini-batches of an epoch.
        """
        return None

    def augment(self) -> Callable[[Any], Any] | None:
        """What changes the inputs of each training step, as `gpunet.augment`; None for nothing."""
        return None

    def trainer(self, settings: Settings, device: Device, batches: int) -> Trainer:
        """The trainer of a new model on `device`."""
        model = self.model().to(device)
        optimizer = self.optimizer(model.parameters(), settings)
        return Trainer(
            model,
            self.loss(),
            optimizer,
            self.scheduler(optimizer, settings, batches),
            metrics=self.metrics,
            scheduler_interval="step",
            augment=self.augment(),
        )

    def module(self, trainer: Trainer) -> Module:
        """The model of `trainer`, from inputs to scores of the classes."""
        assert trainer.model is not None
        return trainer.model

    def probabilities(self, scores: Any) -> Any:
        """From the scores of the classes, of shape (N, C), to shares that sum to 1."""
        return softmax(scores, 1)

    # --- around the training --------------------------------------------------------------------

    def keep(self, folder: Path) -> None:
        """Write into a new run's folder what `model` needs to know of the data: a vocabulary."""

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote, so that there can be a model where the data are not."""

    def begin(self, run: Run, report: Callable[[str], None]) -> None:
        """What comes before the first step of a new run; `report` is given lines that tell of it.

        A run that is resumed from a checkpoint has it behind itself: what is made here must be in
        the trainer's state.
        """

    def remarks(self, run: Run) -> list[str]:
        """What is to be said of a trained model beside the figures: a line each."""
        return []

    def finish(self, run: Run, folder: Path) -> list[str]:
        """Put pictures of what was learned into the run's folder; the names of the files."""
        return []

    # --- looking into it ------------------------------------------------------------------------

    def examples(self, run: Run, number: int) -> tuple[Any, Any]:
        """Inputs and targets of the first `number` training samples, for an inspection."""
        return run.loader.dataset[:number]

    def words(self, inputs: Any) -> list[str] | None:
        """What one sample says at each step of time, for a picture; None for no text."""
        return None

    def inspected(self, trainer: Trainer) -> tuple[Module, Callable[[Any, Any], Any], Any]:
        """Model, loss function and optimiser as `gpunet.inspection.inspect` takes them."""
        return self.module(trainer), trainer.loss_fn or self.loss(), trainer.optimizer
