"""The command ``gpunet bench``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from .case import Case, Report
    from .run import Settings

__all__ = ["bench"]


def bench(
    cases: Annotated[
        list[str] | None, typer.Argument(metavar="CASE", help="Which; all by default.")
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="Show the cases, and which sides can run here.")
    ] = False,
    short: Annotated[
        bool, typer.Option("--short", help="One small row of each case: does everything work?")
    ] = False,
    device: Annotated[str, typer.Option(help='"cpu", "cuda" or "all".')] = "all",
    peers: Annotated[
        str, typer.Option(help="A list, as in torch,jax; all; none. A wrong name shows them.")
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
    precision: Annotated[
        str, typer.Option(help='Of float32 products on a GPU: "highest", or "high" for TF32.')
    ] = "highest",
    busy: Annotated[
        bool, typer.Option("--busy", help="gpunet also with one core taken by another process.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files: runs/bench-DATE-TIME.")
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Tables, pictures and report of DIR; measures nothing."),
    ] = None,
) -> None:
    """Compare gpunet, on the CPU and on the GPU, with the libraries that are installed.

    Each side runs in processes of its own, in turn. A folder gets a file and a
    picture of each case, and all of it on one page, report.html. The exit status
    is 1 if a side failed, or if two did not compute the same.
    """
    from .cases import CASES
    from .run import Settings
    from .terminal import listing, terminal

    console = terminal()
    if show_list:
        return listing(CASES, console)
    if again is not None:
        return _show_again(again, cases, console)
    settings = Settings(
        _one_of("--device", device, ("all", "cpu", "cuda")), _peers(peers), _where(where or []),
        rounds, seconds, busy, short, _one_of("--precision", precision, ("highest", "high")),
    )  # fmt: skip
    chosen = [CASES[_one_of("CASE", name, tuple(CASES))] for name in cases or CASES]
    chosen = [case for case in chosen if _selects(case, settings)]
    if not chosen:
        raise typer.BadParameter("--where: no row of these cases has these options; see --list")
    folder = out or Path("runs") / time.strftime("bench-%Y-%m-%d-%H%M%S")
    if _measure(chosen, settings, folder, console):
        raise typer.Exit(1)


def _measure(
    cases: list[Case | Report], settings: Settings, folder: Path, console: Console
) -> bool:
    """Run `cases` and write the folder; whether anything failed."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from .files import write, write_picture, write_report
    from .quiet import usable_cores
    from .run import run
    from .tables import failures
    from .terminal import show, show_summary

    failed, documents = False, []

    def measured(case: Case | Report) -> dict[str, Any]:
        save = partial(write, path=folder / f"{case.name}.json")
        return run(case, settings, status.update, save)

    # Cases run beside each other only where nothing is measured.
    with ThreadPoolExecutor(usable_cores()) as pool, console.status("") as status:
        for document in (pool.map if settings.short else map)(measured, cases):
            show(document, console)
            documents.append(document)
            write_picture(document, folder / f"{document['case']['name']}.png")
            failed |= bool(failures(document))
    write_report(folder)
    show_summary(documents, console)
    console.print(f"\nwritten to {folder}; all of it on one page: {folder / 'report.html'}")
    return failed


def _show_again(folder: Path, cases: list[str] | None, console: Console) -> None:
    from .files import read_all, write_picture, write_report
    from .terminal import show, show_summary

    try:
        documents = read_all(folder)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    names = [document["case"]["name"] for document in documents]
    for name in cases or ():
        _one_of("CASE", name, tuple(names))
    for name, document in zip(names, documents):
        if not cases or name in cases:
            show(document, console)
            write_picture(document, folder / f"{name}.png")
    show_summary(documents, console)
    console.print(f"\non one page: {write_report(folder)}")


def _selects(case: Case | Report, settings: Settings) -> bool:
    from .case import Report
    from .run import selected_rows

    if settings.device == "cpu" and getattr(case, "device", "") == "cuda":
        return False
    if isinstance(case, Report):
        return set(settings.where) <= {case.select}
    known = {name for row in case.grid for name in row}
    return set(settings.where) <= known and bool(selected_rows(case, settings))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise typer.BadParameter(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    return value


def _peers(text: str) -> frozenset[str] | None:
    from .case import OURS, PEERS

    if text == "all":
        return None
    others = tuple(peer for peer in PEERS if peer not in OURS)
    names = [] if text == "none" else text.split(",")
    return frozenset(_one_of("--peers", name.strip(), others) for name in names)


def _where(texts: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--where: expected OPTION=VALUE, got {text!r}")
        found[name] = found.get(name, frozenset()) | {value}
    return found
