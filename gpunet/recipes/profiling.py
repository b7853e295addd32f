"""Some training steps of a recipe, profiled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Device
from ..profiler import profile, record_function
from ..train.batches import moved
from .recipe import Recipe, Settings
from .run import Run, prepare

__all__ = ["DATA", "STEP", "profile_recipe"]

#: The ranges of a step: the mini-batch is made, and the step is taken.
DATA, STEP = "data", "training_step"
#: Steps before the profile: kernels are compiled, memory is taken.
WARM_UP = 5


def profile_recipe(
    recipe: Recipe,
    settings: Settings | None = None,
    device: str | Device = "cpu",
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    steps: int = 20,
) -> tuple[Run, profile]:
    """Take `steps` training steps of `recipe`, after some to warm up, and profile them.

    Parameters
    ----------
    recipe, settings, device, seed, data
        As for `gpunet.recipes.run.prepare`. What a recipe does before its first step (`begin`) is
        left out.
    steps : int

    Returns
    -------
    run : Run
    profile : gpunet.profiler.profile
        Has ended.
    """
    run = prepare(recipe, settings, device, seed, data)
    trainer = run.trainer
    for module in trainer.modules().values():
        module.train()
    batches = _endless(run.loader)
    with np.errstate(all="ignore"):  # as in `Trainer.fit`
        for _ in range(WARM_UP):
            _step(run, batches)
        with profile(run.device) as result:
            for _ in range(steps):
                _step(run, batches)
    return run, result


def _step(run: Run, batches: Iterator[Any]) -> None:
    with record_function(DATA):
        batch = moved(next(batches), run.trainer.device)
    with record_function(STEP):
        run.trainer.training_step(batch)


def _endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader
