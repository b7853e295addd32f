"""Run a recipe: train, measure on held-out data, save."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from .. import __version__
from ..backend import resolve_device
from ..functions.random import manual_seed
from ..io import replacing, save_file
from ..nn import Module
from ..train import Callback, EpochResult, Trainer
from ..utils.data import DataLoader
from .recipe import Recipe, Settings

__all__ = ["prepare_folder", "run"]

#: Held-out samples that go through the model at once.
_EVALUATION_BATCH = 1024


def prepare_folder(folder: str | os.PathLike[str]) -> None:
    """Make `folder`, and see that files can be made in it, before any work goes into them.

    Raises
    ------
    OSError
        If they cannot.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def run(
    recipe: Recipe,
    settings: Settings | None = None,
    device: str = "auto",
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Callback] = (),
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Module, EpochResult]:
    """Train the model of `recipe` and measure it on the held-out data.

    Parameters
    ----------
    recipe : Recipe
    settings : Settings, optional
        The recipe's own by default.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    seed : int
        Of gpunet's generator: weights, order and dropout follow from it.
    folder : path, optional
        Where ``model.safetensors`` and ``config.json`` go; nothing is saved without it.
    callbacks : sequence of Callback
        For `Trainer.fit`.
    report : callable
        Is given the lines that tell what happens.

    Returns
    -------
    model : Module
    held_out : EpochResult
    """
    settings = settings or recipe.settings
    place, chosen = resolve_device(device)
    report(chosen)
    manual_seed(seed)
    model = recipe.model().to(place)
    train_set, held_out_set = recipe.data(place)
    parameters = sum(p.array.size for p in model.parameters())
    report(
        f"{recipe.name}: {recipe.description}; {parameters:,} parameters, {len(train_set):,} "
        f"samples, {len(held_out_set):,} held out"
    )
    trainer = Trainer(model, recipe.loss(), recipe.optimizer(model.parameters(), settings.lr))
    start = perf_counter()
    loader = DataLoader(train_set, settings.batch_size, shuffle=True)
    trainer.fit(loader, settings.epochs, callbacks)
    seconds = perf_counter() - start
    held_out = trainer.evaluate(DataLoader(held_out_set, _EVALUATION_BATCH))
    report(
        f"held-out accuracy {held_out.accuracy:.2%}, loss {held_out.loss:.4f}, after "
        f"{settings.epochs} epochs in {seconds:.1f} s"
    )
    if folder is not None:
        prepare_folder(folder)
        save_file(model.state_dict(), Path(folder) / "model.safetensors", {"recipe": recipe.name})
        config = {
            "recipe": recipe.name,
            "gpunet": __version__,
            "device": str(place),
            "seed": seed,
            "settings": asdict(settings),
            "held_out": {"loss": held_out.loss, "accuracy": held_out.accuracy},
            "epochs": [{"loss": r.loss, "accuracy": r.accuracy} for r in trainer.history],
        }
        with replacing(Path(folder) / "config.json") as file:
            file.write((json.dumps(config, indent=2) + "\n").encode())
        report(f"saved model.safetensors and config.json in {os.fspath(folder)}")
    return model, held_out
