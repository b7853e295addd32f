"""The command line: ``gpunet train, recipes, evaluate, predict, generate, inspect, profile,
bench, info``.

What a user can get wrong ends in one line on standard error: exit status 2 for a wrong command
line, 130 after Ctrl-C, 143 after SIGTERM, 1 for anything else. Everything heavy is imported by the
command that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .benchmarks.command import bench

__all__ = ["app", "main"]

app = typer.Typer(
    name="gpunet",
    help="Neural networks on plain NumPy and CuPy arrays.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: The base class of Typer's complaints about a command line; Typer does not export it itself.
_ClickException: Any = typer.BadParameter.__mro__[2]

_Device = Annotated[str, typer.Option(help='"auto", "cpu", "cuda" or "cuda:N".')]
_Data = Annotated[
    Path | None, typer.Option(help="Folder of the data files; GPUNET_DATA and the cache follow.")
]
#: What `profile` shows above the kernels.
_OPERATIONS = ("operation", "backward", "optimizer", "user")
_Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: runs/digits.")]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments`, those of the process by default; the exit status."""
    try:
        return app(arguments, standalone_mode=False, prog_name="gpunet") or 0
    except _ClickException as error:
        message = error.format_message()
        if message:
            print(f"gpunet: {message}", file=sys.stderr)
        return error.exit_code


def _fail(message: object, status: int = 1) -> NoReturn:
    print(f"gpunet: {message}", file=sys.stderr)
    raise typer.Exit(status)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What a user can get wrong, or a machine can do to him, as one line and a status."""
    from .errors import DeviceError
    from .recipes import UnknownRecipe

    try:
        yield
    except UnknownRecipe as error:
        _fail(error, 2)
    except (DeviceError, FloatingPointError, ValueError) as error:
        _fail(error)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror}" if error.strerror else error)


def _print_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        print(f"gpunet {__version__}")
        raise typer.Exit


@app.callback()
def _gpunet(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def info() -> None:
    """Show versions, devices, and which kernels run where."""
    from .info import show

    show()


@app.command()
def recipes() -> None:
    """List what can be trained."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from .recipes import RECIPES, load_recipe

    table = Table("recipe", "what it is", "epochs", "batch size", "lr", box=box.SIMPLE_HEAD)
    for name in RECIPES:
        recipe = load_recipe(name)
        settings = recipe.settings
        table.add_row(
            name,
            recipe.description,
            str(settings.epochs),
            str(settings.batch_size),
            str(settings.lr),
        )
    Console().print(table)


@app.command()
def train(
    recipe: Annotated[
        str | None, typer.Argument(help="What to train: `gpunet recipes` lists them.")
    ] = None,
    device: Annotated[str | None, typer.Option(help='"auto", "cpu", "cuda" or "cuda:N".')] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes through the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order and dropout: 0.")] = None,
    data: _Data = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder: runs/RECIPE, or RECIPE-2, ...")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with this run, from its last checkpoint."),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0.0, help="Seconds between checkpoints.")
    ] = 30.0,
) -> None:
    """Train a recipe, or go on with a run. What is not given is as the recipe or the run has it."""
    from .recipes import load_recipe
    from .recipes import run as runs
    from .train import Progress

    fixed = {"--batch-size": batch_size, "--lr": lr, "--seed": seed, "--out": out}
    if resume is not None:
        given = ", ".join(option for option, value in fixed.items() if value is not None)
        if given:
            _fail(f"{given}: a run that is resumed keeps its own", 2)
    elif recipe is None:
        _fail("Missing argument 'RECIPE': `gpunet recipes` lists them", 2)
    options: Any = {
        "data": data,
        "callbacks": [Progress()],
        "checkpoint_every": checkpoint_every,
        "report": print,
    }
    with _in_one_line():
        if resume is not None:
            folder = resume
        else:
            found = load_recipe(recipe or "")
            try:
                settings = found.settings.replace(epochs=epochs, batch_size=batch_size, lr=lr)
            except ValueError as error:
                _fail(error, 2)
            folder = out or runs.new_folder(found.name)
        with _checkpoint_named(folder):
            if resume is not None:
                runs.resume(resume, recipe, epochs, device, **options)
            else:
                runs.start(found, settings, device or "auto", seed or 0, folder, **options)


@contextmanager
def _checkpoint_named(folder: Path) -> Iterator[None]:
    """Say of a run that has ended early how it goes on."""
    from .train import Interrupted, NonFiniteLoss, RunFolder

    def rest() -> str:
        if RunFolder(folder).checkpoint.exists():
            return f"the last checkpoint is whole: gpunet train --resume {folder}"
        return "no checkpoint was written yet"

    try:
        yield
    except Interrupted as error:
        _fail(f"interrupted; {rest()}", 128 + error.signal)
    except NonFiniteLoss as error:
        _fail(f"{error}; {rest()}")
    except OSError as error:
        if error.filename is None or not Path(error.filename).is_relative_to(folder):
            raise
        why = error.strerror or error
        if isinstance(error, FileExistsError) or not RunFolder(folder).config_file.exists():
            _fail(f"cannot write to {folder}: {why}")
        _fail(f"cannot write to {folder}: {why}; {rest()}")


@app.command()
def evaluate(run: _Run, device: _Device = "auto", data: _Data = None) -> None:
    """Measure a run's model on the held-out data, class by class."""
    from rich.console import Console

    from .recipes.evaluation import tables
    from .recipes.run import load_run

    with _in_one_line():
        loaded = load_run(run, device, data)
        measured = loaded.trainer.evaluate(loaded.held_out)
        figures = ", ".join(f"{name} {value:.4f}" for name, value in measured.items())
        print(f"{len(loaded.held_out.dataset):,} samples held out: {figures}")
        for remark in loaded.recipe.remarks(loaded):
            print(remark)
        console = Console()
        for table in tables(loaded) if loaded.recipe.classes else ():
            console.print(table)


@app.command()
def predict(
    run: _Run,
    files: Annotated[list[Path], typer.Argument(help="Pictures, or .npy files of images.")],
    invert: Annotated[
        bool, typer.Option("--invert", help="The ink is dark and the paper is bright.")
    ] = False,
    device: _Device = "auto",
) -> None:
    """Let a run's model classify images: a line for each, with its probability.

    A model that makes images of images writes a picture beside each file.
    """
    from .recipes.prediction import converted, predict, read_images, write_picture
    from .recipes.run import load_module

    with _in_one_line():
        recipe, module = load_module(run, device)
        if not (recipe.image_shape and (recipe.classes or recipe.to_images)):
            _fail(f"{recipe.name} does not classify images", 2)
        for file in files if recipe.to_images else ():
            given = read_images(file, (recipe.image_shape[0], 0, 0), invert)
            for i, image in enumerate(converted(module, given)):
                number = f"-{i}" if len(given) > 1 else ""
                picture = file.with_name(f"{file.stem}-{recipe.name}{number}.png")
                write_picture(picture, image)
                print(f"{file}: {picture}")
        for file in () if recipe.to_images else files:
            images = read_images(file, recipe.image_shape, invert)
            for i, (label, probability) in enumerate(predict(recipe, module, images)):
                number = f"[{i}]" if len(images) > 1 else ""
                print(f"{file}{number}: {label} ({probability:.1%})")


@app.command()
def generate(
    run: _Run,
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "\n",
    length: Annotated[int, typer.Option(min=0, help="Characters to add.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Below 1 bolder choices are rarer; 0: none.")
    ] = 0.8,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Choose among so many characters only.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed writes the same text.")] = 0,
    device: _Device = "auto",
) -> None:
    """Let a run's character model write: the prompt, and what follows it."""
    from .recipes.generation import generate
    from .recipes.run import load_module
    from .recipes.shakespeare import Shakespeare

    with _in_one_line():
        recipe, module = load_module(run, device)
        if not isinstance(recipe, Shakespeare) or recipe.vocabulary is None:
            _fail(f"{recipe.name} writes no text", 2)
        print(generate(module, recipe.vocabulary, prompt, length, temperature, top_k, seed))


@app.command()
def inspect(
    run: _Run,
    device: _Device = "auto",
    data: _Data = None,
    samples: Annotated[int, typer.Option(min=2, help="Training samples to look at.")] = 256,
    out: Annotated[Path | None, typer.Option(help="The picture: RUN/layers.png.")] = None,
    image: Annotated[
        int, typer.Option(min=0, help="The training sample that is followed layer by layer.")
    ] = 0,
) -> None:
    """Look into a run's network: how each layer learns, and if slowly, why.

    Of a convolutional network also the filters, and what it makes of one image, as pictures. Of a
    recurrent network its hidden state over time, and the error as it flows back through time.
    """
    from rich.console import Console

    from .recipes.look import look_at_image, look_into, look_through_time
    from .recipes.run import load_run

    with _in_one_line():
        loaded = load_run(run, device, data)
        report = look_into(loaded, samples)
        followed = look_at_image(loaded, image)
        Console().print(report)
        picture = out or run / "layers.png"
        report.plot(picture)
        print(f"picture: {picture}")
        if followed is not None:
            filters, maps = (picture.with_stem(f"{picture.stem}-{x}") for x in ("filters", "maps"))
            followed.plot_filters(filters)
            followed.plot_maps(maps)
            print(f"one image, layer by layer: {filters}, {maps}")
        over_time = look_through_time(loaded)
        if over_time is not None:
            path = picture.with_stem(f"{picture.stem}-time")
            over_time[0].plot(path, over_time[1])
            print(f"over time: {path}")


@app.command()
def profile(
    recipe: Annotated[str, typer.Argument(help="`gpunet recipes` lists them.")],
    device: _Device = "auto",
    steps: Annotated[int, typer.Option(min=1, help="Training steps, after some to warm up.")] = 20,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    data: _Data = None,
    out: Annotated[Path | None, typer.Option(help="The Chrome trace: RECIPE.trace.json.")] = None,
) -> None:
    """Show where the time of a recipe's training steps goes, operation by operation.

    Rates stand beside their share of what the device reaches at most, measured here and now. The
    trace opens in chrome://tracing and https://ui.perfetto.dev.
    """
    from rich.console import Console

    from .backend import resolve_device
    from .profiler import measure_peaks
    from .recipes import load_recipe
    from .recipes.profiling import profile_recipe

    with _in_one_line():
        found = load_recipe(recipe)
        settings = found.settings.replace(batch_size=batch_size)
        place, chosen = resolve_device(device)
        print(chosen)
        run, result = profile_recipe(found, settings, place, seed, data, steps)
        peaks = measure_peaks(place)
        print(
            f"{found.name}: {steps} training steps of {run.settings.batch_size} samples, "
            f"{1e3 * result.seconds / steps:.3g} ms each while they are profiled"
        )
        print(peaks)
        averages = result.key_averages()
        outside = sum(x.self_time_total for x in averages.only("user")) / (averages.total or 1)
        print(f"outside of operations, in Python and in loading data: {outside:.0%} of the time")
        console = Console()
        for title, order, kinds in (
            ("Operations, with the kernels inside them", "time_total", _OPERATIONS),
            ("Kernels and matrix products", "self_time_total", ("kernel", "product")),
        ):
            part = averages.only(*kinds)
            console.print(part.rich_table(order, 20, peaks, title, brief=True))
        path = out or Path(f"{found.name}.trace.json")
        result.export_chrome_trace(path)
        print(f"trace: {path}")


app.command()(_in_one_line()(bench))


if __name__ == "__main__":
    sys.exit(main())
