"""`gpunet inspect`: a look into the network of a run."""

from __future__ import annotations

from ..inspection import Report, inspect
from ..train.batches import moved
from .run import Run

__all__ = ["look_into"]


def look_into(run: Run, samples: int = 256) -> Report:
    """Inspect the model of `run`, in training mode, on the first `samples` training samples."""
    inputs, targets = moved(run.recipe.examples(run, samples), run.device)
    model, loss_fn, optimizer = run.recipe.inspected(run.trainer)
    return inspect(model.train(), loss_fn, inputs, targets, optimizer)
