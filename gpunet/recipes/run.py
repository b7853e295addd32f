"""Run a recipe: train it anew or go on with a run, measure on held-out data, save."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from .. import __version__
from ..backend import Device, get_num_threads, resolve_device
from ..functions.random import manual_seed
from ..nn import Module
from ..train import Callback, NotARun, RunFolder, Trainer
from ..utils.data import DataLoader
from . import load_recipe
from .placement import memory_used, placed
from .recipe import Recipe, Settings

__all__ = ["Run", "load_module", "load_run", "new_folder", "prepare", "read_run", "resume", "start"]

#: Held-out samples that go through the model at once.
_EVALUATION_BATCH = 1024

Report = Callable[[str], None]


@dataclass
class Run:
    """A recipe that is ready to train: everything is on its device.

    `placement` is a line that says where the data are; None on the CPU.
    """

    recipe: Recipe
    settings: Settings
    device: Device
    trainer: Trainer
    loader: DataLoader
    held_out: DataLoader
    data: Path | None = None
    placement: str | None = None

    @property
    def module(self) -> Module:
        """The model, from inputs to scores."""
        return self.recipe.module(self.trainer)


def prepare(
    recipe: Recipe,
    settings: Settings | None = None,
    device: str | Device = "cpu",
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
) -> Run:
    """Load the data and make the model of `recipe`.

    Parameters
    ----------
    recipe : Recipe
    settings : Settings, optional
        The recipe's own by default.
    device : str or Device
    seed : int
        Of gpunet's generator: weights, order, dropout and what data is generated follow from it.
    data : path, optional
        The folder of the data files, for recipes that need some.
    """
    settings = settings or recipe.settings
    place, _ = resolve_device(device)
    folder = None if data is None else Path(data)
    manual_seed(seed)
    (train_set, held_out_set), placement = placed(recipe.data(folder), place)
    loader = _loader(recipe, train_set, settings.batch_size, place, shuffle=True)
    trainer = recipe.trainer(settings, place, len(loader))
    held_out = _loader(recipe, held_out_set, _EVALUATION_BATCH, place)
    return Run(recipe, settings, place, trainer, loader, held_out, folder, placement)


def _loader(
    recipe: Recipe, dataset: Any, batch_size: int, device: Device, shuffle: bool = False
) -> DataLoader:
    own = recipe.loader(dataset, batch_size, device, shuffle)
    if own is not None:
        return own
    return DataLoader(dataset, batch_size, shuffle, device=device)


def new_folder(name: str, below: str | os.PathLike[str] = "runs") -> Path:
    """The first of ``runs/NAME``, ``runs/NAME-2``, ``runs/NAME-3``, ... that holds no run."""
    path = Path(below) / name
    number = 1
    while (path / "config.json").exists():
        number += 1
        path = Path(below) / f"{name}-{number}"
    return path


def start(
    recipe: Recipe,
    settings: Settings | None = None,
    device: str = "auto",
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint_every: float = 30.0,
    report: Report = lambda line: None,
) -> tuple[Run, dict[str, float]]:
    """Train `recipe` anew and measure it on the held-out data.

    Parameters
    ----------
    recipe, settings, seed, data
        As for `prepare`.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    folder : path, optional
        The run folder (see `gpunet.train.RunFolder`); nothing is saved without it.
    callbacks : sequence of Callback
        For `Trainer.fit`.
    checkpoint_every : float
        Seconds between checkpoints.
    report : callable
        Is given the lines that tell what happens.

    Returns
    -------
    run : Run
    held_out : dict of str to float
        What was measured on the held-out data.

    Raises
    ------
    FileExistsError
        If `folder` holds a run already.
    OSError
        If it cannot be written, or data files are missing.
    NonFiniteLoss, Interrupted
        As `Trainer.fit`.
    """
    place, chosen = resolve_device(device)
    keeper = None if folder is None else RunFolder(folder, checkpoint_every)
    if keeper is not None:
        keeper.make()
    report(chosen)
    run = prepare(recipe, settings, place, seed, data)
    if keeper is not None:
        keeper.write_config(
            {
                "recipe": recipe.name,
                "settings": asdict(run.settings),
                "seed": seed,
                "device": str(place),
                "data": None if data is None else os.path.abspath(data),
                "gpunet": __version__,
                "threads": get_num_threads(),
            }
        )
        recipe.keep(keeper.path)
    report(_summary(run))
    if run.placement:
        report(run.placement)
    recipe.begin(run, report)
    return run, _train(run, keeper, callbacks, report)


def resume(
    folder: str | os.PathLike[str],
    recipe: str | None = None,
    epochs: int | None = None,
    device: str | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint_every: float = 30.0,
    report: Report = lambda line: None,
) -> tuple[Run, dict[str, float]]:
    """Go on with the run in `folder`, from its last checkpoint, to its end.

    Parameters
    ----------
    folder : path
    recipe : str, optional
        Its name, to make sure.
    epochs : int, optional
        Train to this number of epochs instead of the run's own.
    device : str, optional
        Where to go on; by default where the run was.
    data, callbacks, checkpoint_every, report
        As for `start`; `data` is by default what it was.

    Raises
    ------
    NotARun
        If there is none, or it is of another recipe.
    ValueError
        If its checkpoint is damaged or does not fit, or if `epochs` cannot be changed.
    """
    config, found, settings = read_run(folder, recipe)
    place, chosen = resolve_device(device or config["device"])
    report(chosen)
    data = data if data is not None else config["data"]
    keeper = RunFolder(folder, checkpoint_every)
    keeper.check_writable()
    run = prepare(found, settings, place, config["seed"], data)
    if epochs is not None and epochs != settings.epochs:
        if run.trainer.scheduler is not None:
            raise ValueError(
                f"the learning rate of {found.name} follows a schedule over all epochs: a run "
                f"of {settings.epochs} epochs cannot become one of {epochs}"
            )
        run.settings = settings.replace(epochs=epochs)
    if keeper.checkpoint.exists():
        run.trainer.load_checkpoint(keeper.checkpoint)
    done = run.trainer.epoch
    if done >= run.settings.epochs and keeper.model_file.exists():
        report(
            f"the run in {os.fspath(folder)} is complete: {done} of {run.settings.epochs} epochs"
            + ("" if run.trainer.scheduler else "; --epochs takes it further")
        )
        return run, run.trainer.evaluate(run.held_out)
    if run.settings != settings:
        keeper.write_config({**config, "settings": asdict(run.settings)})
    report(_summary(run))
    if run.placement:
        report(run.placement)
    if config["threads"] != get_num_threads():
        report(
            f"the run began with {config['threads']} threads and goes on with "
            f"{get_num_threads()}: the last bits may differ"
        )
    batches = f" and {run.trainer.batch} mini-batches" if run.trainer.batch else ""
    report(f"goes on after {done} epochs{batches}")
    if not keeper.checkpoint.exists():
        found.begin(run, report)
    return run, _train(run, keeper, callbacks, report)


def _train(
    run: Run, keeper: RunFolder | None, callbacks: Sequence[Callback], report: Report
) -> dict[str, float]:
    trainer = run.trainer
    begin = perf_counter()
    trainer.fit(
        run.loader,
        run.settings.epochs - trainer.epoch,
        run.held_out,
        [*callbacks, *([keeper] if keeper else [])],
    )
    seconds = perf_counter() - begin
    if trainer.stopped:
        report(f"stopped early: {trainer.stopped}")
    held_out = trainer.evaluate(run.held_out)
    measured = ", ".join(f"{name} {_figure(name, value)}" for name, value in held_out.items())
    report(f"held out: {measured}, after {trainer.epoch} epochs; {seconds:.1f} s")
    memory = memory_used(run.device)
    if memory is not None:
        report(memory)
    for remark in run.recipe.remarks(run):
        report(remark)
    if keeper is not None:
        if keeper.saved_step != trainer.step:
            keeper.save(trainer)
        pictures = run.recipe.finish(run, keeper.path)
        keeper.finish(trainer, run.module, {"recipe": run.recipe.name})
        files = ["model.safetensors", "curve.png", *pictures, "history.jsonl"]
        report(f"saved in {keeper.path}: {', '.join(files)}")
    return held_out


def _summary(run: Run) -> str:
    parameters = sum(p.array.size for p in run.module.parameters())
    return (
        f"{run.recipe.name}: {run.recipe.description}; {parameters:,} parameters, "
        f"{len(run.loader.dataset):,} samples, {len(run.held_out.dataset):,} held out"
    )


def _figure(name: str, value: float) -> str:
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    return f"{value:.2f} dB" if name in ("psnr", "gain") else f"{value:.4f}"


def read_run(
    folder: str | os.PathLike[str], recipe: str | None = None
) -> tuple[dict[str, Any], Recipe, Settings]:
    """The configuration, recipe and settings of the run in `folder`.

    Raises
    ------
    NotARun
        If there is none, it is of another recipe than `recipe`, or of none that is known.
    """
    config = RunFolder(folder).read_config()
    try:
        name, settings = config["recipe"], Settings(**config["settings"])
        int(config["seed"]), str(config["device"]), config["data"], int(config["threads"])
        found = load_recipe(name)
    except (KeyError, TypeError, ValueError, LookupError) as error:
        raise NotARun(f"{os.fspath(folder)}/config.json: {error}") from None
    if recipe is not None and name != recipe:
        raise NotARun(f"{os.fspath(folder)} is a run of {name}, not of {recipe}")
    return config, found, settings


def load_run(
    folder: str | os.PathLike[str],
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
) -> Run:
    """The run in `folder` with its data and all that it has learned, from its last checkpoint.

    The checkpoint of a run that has ended holds its final weights.

    Raises
    ------
    NotARun
    ValueError
        If the checkpoint is damaged or does not fit.
    """
    config, recipe, settings = read_run(folder)
    checkpoint = _checkpoint(folder)
    data = data if data is not None else config["data"]
    run = prepare(recipe, settings, resolve_device(device)[0], config["seed"], data)
    run.trainer.load_checkpoint(checkpoint)
    return run


def load_module(folder: str | os.PathLike[str], device: str = "auto") -> tuple[Recipe, Module]:
    """The recipe and the trained model of the run in `folder`; its data are not needed.

    Raises as `load_run`.
    """
    _, recipe, settings = read_run(folder)
    checkpoint = _checkpoint(folder)
    recipe.restore(Path(folder))
    trainer = recipe.trainer(settings, resolve_device(device)[0], batches=1)
    trainer.load_checkpoint(checkpoint)
    return recipe, recipe.module(trainer).eval()


def _checkpoint(folder: str | os.PathLike[str]) -> Path:
    path = RunFolder(folder).checkpoint
    if not path.exists():
        raise NotARun(f"{os.fspath(folder)} holds no checkpoint yet")
    return path
