"""The command line: ``gpunet train``, ``gpunet info``.

What a user can get wrong ends in one line on standard error: exit status 2 for a wrong command
line, 1 for anything else. Everything heavy is imported by the command that needs it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

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
def train(
    recipe: Annotated[str, typer.Argument(help='What to train: "digits".')],
    device: Annotated[str, typer.Option(help='"auto", "cpu", "cuda" or "cuda:N".')] = "auto",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes through the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of a step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the result: runs/RECIPE.")] = None,
) -> None:
    """Train a recipe and save its weights. What is not given is as the recipe has it."""
    from .errors import DeviceError
    from .recipes import UnknownRecipe, load_recipe
    from .recipes.run import prepare_folder, run
    from .train import Progress

    try:
        found = load_recipe(recipe)
        settings = found.settings.replace(epochs=epochs, batch_size=batch_size, lr=lr)
    except (UnknownRecipe, ValueError) as error:
        _fail(error, 2)
    folder = out or Path("runs") / recipe
    try:
        prepare_folder(folder)
        run(found, settings, device, seed, folder, callbacks=[Progress()], report=print)
    except (DeviceError, FloatingPointError) as error:
        _fail(error)
    except KeyboardInterrupt:
        _fail("interrupted: nothing was saved", 130)
    except OSError as error:
        _fail(f"cannot write to {folder}: {error.strerror or error}")
