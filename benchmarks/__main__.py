"""The command line of the benchmarks."""

from __future__ import annotations

from functools import partial
from math import prod
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from .availability import missing
from .case import PEERS, Case, Report
from .cases import CASES
from .run import Settings, read, run, selected_rows, write
from .tables import show

app = typer.Typer(
    name="python -m benchmarks",
    help="gpunet against the peers that are installed, each in its own processes, in turn.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console()
if not console.is_terminal:
    console = Console(width=140)  # a file has room for the widest table

#: The peers that can be left out.
_OTHERS = tuple(peer for peer in PEERS if peer != "gpunet")


@app.command("list")
def list_cases() -> None:
    """The cases, their rows, and which sides can run here."""
    table = Table("case", "measures", "rows", "sides that can run here", box=box.SIMPLE_HEAD)
    absent: dict[str, str] = {}
    for case in CASES.values():
        if isinstance(case, Report):
            table.add_row(case.name, case.title, "", "")
            continue
        why = {side.name: missing(side) for side in case.sides}
        absent |= {name: reason for name, reason in why.items() if reason}
        sides = ", ".join(name for name, reason in why.items() if not reason)
        table.add_row(case.name, case.title, _grid(case), sides)
    console.print(table, markup=False)
    if absent:
        console.print("not here: " + ", ".join(f"{name} ({why})" for name, why in absent.items()))


def _grid(case: Case) -> str:
    values = {name: {str(row[name]) for row in case.grid} for name in case.grid[0]}
    if prod(map(len, values.values())) > len(case.grid):  # no product of its options
        return "; ".join(" ".join(f"{k} {v}" for k, v in row.items()) for row in case.grid)
    ordered = {name: dict.fromkeys(str(row[name]) for row in case.grid) for name in values}
    return ", ".join(f"{name} {'|'.join(found)}" for name, found in ordered.items())


@app.command("run")
def run_cases(
    cases: Annotated[
        list[str] | None, typer.Argument(help="Which; all by default. See `list`.")
    ] = None,
    device: Annotated[str, typer.Option(help='"cpu", "cuda" or "all".')] = "all",
    peers: Annotated[
        str,
        typer.Option(help=f"A list of {', '.join(p for p in PEERS if p != 'gpunet')}; all; none."),
    ] = "all",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="OPTION=VALUE: only these rows, as in --where batch=32 --where batch=128."
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Processes of each side; the case's own by default.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, help="Timed work of each process, where it repeats its work.")
    ] = 1.0,
    busy: Annotated[
        bool, typer.Option("--busy", help="gpunet also with one core taken by another process.")
    ] = False,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="The smallest work: to see that everything runs.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for CASE.json and CASE.png.")] = None,
) -> None:
    """Measure cases; a table, and with --out a file and a picture of each.

    The exit status is 1 if a side failed or two sides did not compute the same.
    """
    settings = Settings(
        _one_of("--device", device, ("all", "cpu", "cuda")), _peers(peers), _where(where or []),
        rounds, seconds, busy, tiny,
    )  # fmt: skip
    chosen = [CASES[_one_of("CASE", name, tuple(CASES))] for name in cases or CASES]
    chosen = [case for case in chosen if device != "cpu" or getattr(case, "device", "") != "cuda"]
    if not any(_selects(case, settings) for case in chosen):
        raise typer.BadParameter("--where: no row of these cases has these options; see `list`")
    failed = False
    for case in chosen:
        if not _selects(case, settings):
            continue
        path = None if out is None else out / f"{case.name}.json"
        with console.status(case.name) as status:
            save = partial(write, path=path) if path is not None else None
            document = run(case, settings, status.update, save)
        show(document, console)
        if path is not None:
            console.print(f"written to {path}{_draw(path, path.with_suffix('.png'))}")
        failed |= "error" in document or any("error" in row for row in document["rows"])
    if failed:
        raise typer.Exit(1)


def _selects(case: Case | Report, settings: Settings) -> bool:
    if isinstance(case, Report):
        return set(settings.where) <= {case.select}
    known = {name for row in case.grid for name in row}
    return set(settings.where) <= known and bool(selected_rows(case, settings))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise typer.BadParameter(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    return value


def _peers(text: str) -> frozenset[str] | None:
    if text == "all":
        return None
    names = [] if text == "none" else text.split(",")
    return frozenset(_one_of("--peers", name.strip(), _OTHERS) for name in names)


def _where(texts: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--where: expected OPTION=VALUE, got {text!r}")
        found[name] = found.get(name, frozenset()) | {value}
    return found


@app.command("plot")
def plot(
    file: Annotated[Path, typer.Argument(help="A JSON file that `run --out` wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="The picture: .png, .svg or .pdf; beside FILE by default.")
    ] = None,
) -> None:
    """Show the table of a file again, and draw its picture."""
    try:
        show(read(file), console)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    drawn = _draw(file, out or file.with_suffix(".png"))
    console.print(drawn.removeprefix(" and ") or "there is nothing to draw in it")


def _draw(file: Path, to: Path) -> str:
    """Draw the picture of a file; how to say so, nothing if there is no picture."""
    from .picture import draw

    figure = draw(read(file))
    if figure is None:
        return ""
    figure.savefig(to, dpi=160)
    return f" and {to}"


if __name__ == "__main__":
    app()
