"""Circles and crosses with 30 parameters: a convolutional network whose every number can be read.

::

    drawing 16 x 16 ──> two 3 x 3 filters ──> maximum in each quadrant ──> weighted sum ──> softmax
                        2 (9 + 1) = 20        of each response map         2 (4 + 1) = 10

The network knows of a place no more than its quadrant. It learns which stroke to expect where: a
stroke "\\" at the upper left is a cross's, at the upper right a circle's. What is drawn wholly
within one quadrant therefore looks the same to it either way.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..autograd import no_grad
from ..functions.random import initial_seed
from ..optim.lr_scheduler import OneCycleLR
from ..utils.data import TensorDataset
from .drawings import CLASSES, SIZE, SMALL, drawings, generator
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["PARAMETERS", "RECIPE"]

PARAMETERS = 30
_TRAINING, _HELD_OUT = 2000, 1000


class OX(Recipe):
    """Two filters, eight maxima, two sums."""

    name = "ox"
    description = f"circles and crosses: two 3x3 filters, {PARAMETERS} parameters in all"
    settings = Settings(epochs=20, batch_size=32, lr=0.03)
    classes = CLASSES
    image_shape = (1, SIZE, SIZE)

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        seed = initial_seed()
        return drawings(_TRAINING, generator(seed, 1)), drawings(_HELD_OUT, generator(seed, 2))

    def model(self) -> nn.Module:
        model = nn.Sequential(
            nn.Conv2d(1, 2, 3),  # a filter for circles, and one for crosses
            nn.AdaptiveMaxPool2d(2),  # the quadrants of both response maps
            nn.Flatten(2),
            nn.Conv1d(2, 2, 4, groups=2),  # for each filter a weighted sum of its four maxima
            nn.Flatten(),
        )
        assert sum(p.numel() for p in model.parameters()) == PARAMETERS
        return model

    def loss(self) -> nn.Module:
        return nn.CrossEntropyLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.Adam(parameters, lr=settings.lr)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def remarks(self, run: Run) -> list[str]:
        """The weak spot: small drawings within one quadrant, and as small ones in the middle."""
        accuracy = {}
        for stream, place in enumerate(("centre", "quadrant"), 3):
            images, labels = drawings(_HELD_OUT, generator(0, stream), SMALL, place).tensors
            with no_grad():
                scores = run.module.eval()(images.to(run.device)).to("cpu")
            accuracy[place] = (scores.array.argmax(axis=1) == labels.array).mean()
        return [
            f"the weak spot: small drawings wholly within one quadrant {accuracy['quadrant']:.1%} "
            f"right, as small ones in the middle {accuracy['centre']:.1%}"
        ]

    def finish(self, run: Run, folder: Path) -> list[str]:
        from .ox_pictures import draw_filters, draw_responses

        draw_filters(run.module, folder / "filters.png")
        draw_responses(run.module.eval(), run.device, folder / "responses.png")
        return ["filters.png", "responses.png"]


RECIPE = OX()
