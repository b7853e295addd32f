"""One case from its declaration to a document: the rows, the machine, and how quiet it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import harness
from .case import OURS, Case, Report, Side
from .machine import machine
from .quiet import Watch, keep_a_core_busy, warning

__all__ = ["FORMAT", "Settings", "run", "selected_rows", "selected_sides"]

#: Says that a file is one of ours.
FORMAT = "gpunet benchmark 1"
_SHORT = "short: to see that everything works; no figure here is a measurement"

Document = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What the command line chooses.

    Attributes
    ----------
    device : {"all", "cpu", "cuda"}
    peers : set of str, optional
        Of `gpunet.benchmarks.case.PEERS`; all by default. gpunet is always there.
    where : dict
        Option -> the values wanted, as text.
    rounds : int, optional
        The case's own by default.
    seconds : float
        Timed work of each process, in cases that repeat their work.
    busy : bool
        Measure gpunet on the CPU again with one core taken by another process.
    short : bool
        One row of each case at its smallest, once, the sides beside each other: to see that
        everything works. Nothing of it is a measurement.
    precision : {"highest", "high"}
        Of float32 products on a GPU: "high" is TF32.
    """

    device: str = "all"
    peers: frozenset[str] | None = None
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rounds: int | None = None
    seconds: float = 1.0
    busy: bool = False
    short: bool = False
    precision: str = "highest"


def selected_sides(case: Case, settings: Settings) -> list[Side]:
    """The sides of `case` that `settings` ask for."""
    return [
        side
        for side in case.sides
        if settings.device in ("all", side.device)
        and (settings.peers is None or side.peer in settings.peers or side.peer in OURS)
    ]


def selected_rows(case: Case, settings: Settings) -> list[dict[str, Any]]:
    """The options of the rows of `case` that `settings` ask for."""
    found: list[dict[str, Any]] = []
    for options in case.grid:
        if all(str(options[k]) in v for k, v in settings.where.items() if k in options):
            found.append({**options, **(case.tiny if settings.short else {})})
    return found[:1] if settings.short else found


def run(
    case: Case | Report,
    settings: Settings,
    progress: Progress = lambda text: None,
    save: Callable[[Document], None] | None = None,
) -> Document:
    """Measure `case`; `save` is given the document after each row.

    A side that fails does not stop the others.
    """
    document: Document = {
        "format": FORMAT,
        "case": {"name": case.name, "title": case.title},
        "machine": machine(),
        "settings": {
            "seconds": settings.seconds,
            "short": settings.short,
            "precision": settings.precision,
        },
        "warnings": [],
        "rows": [],
    }
    progress("looking whether the machine is quiet")
    before = Watch()
    time.sleep(0 if settings.short else 0.5)
    others_before, during = before.others(), Watch()

    def note() -> None:
        document["others"] = {"before": others_before, "during": during.others()}
        found = [warning(document["others"][when], when) for when in ("before", "during")]
        document["warnings"] = [_SHORT] if settings.short else [text for text in found if text]
        if save is not None:
            save(document)

    if isinstance(case, Report):
        document["case"] |= {"bars": case.bars, "roofline": case.roofline}
        _report(case, settings, document)
        note()
        return document
    about = {"unit": case.unit, "x": case.x, "once": case.once, "figure": case.figure}
    document["case"] |= about | {"rate": case.rate}
    rounds = 1 if settings.short else settings.rounds or case.rounds
    document["settings"]["rounds"] = rounds
    for options in selected_rows(case, settings):
        row = _row(case, options, settings, rounds, progress)
        if case.rate and not settings.short:  # the sizes of the short work are others
            row["amount"] = case.amount(options)
        document["rows"].append(row)
        note()
    return document


def _row(
    case: Case, options: dict[str, Any], settings: Settings, rounds: int, progress: Progress
) -> Document:
    label = " ".join(f"{name} {value}" for name, value in options.items())

    def compare(sides: list[Side], what: str = "") -> Document:
        return harness.compare(
            case, options, sides, rounds=rounds, seconds=0 if settings.short else settings.seconds,
            at_once=2 if settings.short else 1, precision=settings.precision,
            progress=lambda text: progress(f"{case.name} {label}: {text}{what}"),
        )  # fmt: skip

    sides = selected_sides(case, settings)
    row = compare(sides)
    ours = [s for s in sides if s.peer in OURS and s.device == "cpu" and s.name in row["sides"]]
    if settings.busy and ours:
        with keep_a_core_busy():
            row["busy"] = compare(ours, ", one core busy")["sides"]
        for name, figures in row["busy"].items():
            figures["ratio"] = figures["time"] / row["sides"][name]["time"]
            figures["baseline"] = name
    return row


def _report(case: Report, settings: Settings, document: Document) -> None:
    options: dict[str, Any] = dict(case.tiny) if settings.short else {}
    if case.select == "device" and settings.device != "all":
        options["device"] = [settings.device]
    if case.select in settings.where:
        options[case.select] = sorted(settings.where[case.select])
    try:
        rows = harness.report(case, options)
    except harness.BenchmarkError as error:
        document["error"] = str(error)
    else:
        document["rows" if isinstance(rows, list) else "unavailable"] = rows
