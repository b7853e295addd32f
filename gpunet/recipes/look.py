"""`gpunet inspect`: a look into the network of a run."""

from __future__ import annotations

from ..inspection import ImageReport, Report, TimeReport, follow_image, follow_time, inspect
from ..train.batches import moved
from .run import Run

__all__ = ["look_at_image", "look_into", "look_through_time"]


def look_into(run: Run, samples: int = 256) -> Report:
    """Inspect the model of `run`, in training mode, on the first `samples` training samples."""
    inputs, targets = moved(run.recipe.examples(run, samples), run.device)
    model, loss_fn, optimizer = run.recipe.inspected(run.trainer)
    return inspect(model.train(), loss_fn, inputs, targets, optimizer)


def look_at_image(run: Run, number: int = 0) -> ImageReport | None:
    """What the model of `run` makes of one training sample; None if it convolves no images.

    Raises
    ------
    ValueError
        If there is no sample of that number.
    """
    if not 0 <= number < len(run.loader.dataset):
        raise ValueError(
            f"image: expected a number from 0 to {len(run.loader.dataset) - 1}, got {number}"
        )
    batch = run.recipe.examples(run, number + 1)
    inputs, targets = moved([tensor[number : number + 1] for tensor in batch], run.device)
    model, loss_fn, _ = run.recipe.inspected(run.trainer)
    return follow_image(model, loss_fn, inputs, targets)


def look_through_time(run: Run, samples: int = 32) -> tuple[TimeReport, list[str] | None] | None:
    """What a recurrent layer of `run` does step by step, and what is read; None if it has none."""
    inputs, targets = moved(run.recipe.examples(run, samples), run.device)
    model, loss_fn, _ = run.recipe.inspected(run.trainer)
    report = follow_time(model, loss_fn, inputs, targets)
    return None if report is None else (report, run.recipe.words(inputs[0]))
