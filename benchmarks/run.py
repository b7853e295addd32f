"""One case from its declaration to a document: the rows, the machine, and how quiet it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import harness
from .case import Case, Report, Side
from .machine import machine
from .quiet import Watch, keep_a_core_busy, warning

__all__ = ["FORMAT", "Settings", "read", "run", "selected_rows", "selected_sides", "write"]

#: Says that a file is one of ours.
FORMAT = "gpunet benchmark 1"

Document = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What the command line chooses.

    Attributes
    ----------
    device : {"all", "cpu", "cuda"}
    peers : set of str, optional
        Of `benchmarks.case.PEERS`; all by default. gpunet is always there.
    where : dict
        Option -> the values wanted, as text.
    rounds : int, optional
        The case's own by default.
    seconds : float
        Timed work of each process, in cases that repeat their work.
    busy : bool
        Measure gpunet on the CPU again with one core taken by another process.
    tiny : bool
        The cases' smallest work.
    """

    device: str = "all"
    peers: frozenset[str] | None = None
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rounds: int | None = None
    seconds: float = 1.0
    busy: bool = False
    tiny: bool = False


def selected_sides(case: Case, settings: Settings) -> list[Side]:
    """The sides of `case` that `settings` ask for."""
    return [
        side
        for side in case.sides
        if settings.device in ("all", side.device)
        and (settings.peers is None or side.peer in settings.peers | {"gpunet"})
    ]


def selected_rows(case: Case, settings: Settings) -> list[dict[str, Any]]:
    """The options of the rows of `case` that `settings` ask for."""
    found: list[dict[str, Any]] = []
    for options in case.grid:
        if all(str(options[k]) in v for k, v in settings.where.items() if k in options):
            row = {**options, **(case.tiny if settings.tiny else {})}
            if row not in found:  # as the tiny ones are
                found.append(row)
    return found


def run(
    case: Case | Report,
    settings: Settings,
    progress: Progress = lambda text: None,
    save: Callable[[Document], None] | None = None,
) -> Document:
    """Measure `case`; `save` is given the document after each row.

    A row that fails has an "error" instead of figures, and the next goes on.
    """
    document: Document = {
        "format": FORMAT,
        "case": {"name": case.name, "title": case.title},
        "machine": machine(),
        "settings": {"seconds": settings.seconds, "tiny": settings.tiny},
        "warnings": [],
        "rows": [],
    }
    progress("looking whether the machine is quiet")
    before = Watch()
    time.sleep(0.5)
    others_before, during = before.others(), Watch()

    def note() -> None:
        document["others"] = {"before": others_before, "during": during.others()}
        found = [warning(document["others"][when], when) for when in ("before", "during")]
        document["warnings"] = [text for text in found if text]
        if save is not None:
            save(document)

    if isinstance(case, Report):
        document["case"] |= {"bars": case.bars}
        _report(case, settings, document)
        note()
        return document
    about = {"unit": case.unit, "x": case.x, "once": case.once, "figure": case.figure}
    document["case"] |= about
    document["settings"]["rounds"] = settings.rounds or case.rounds
    for options in selected_rows(case, settings):
        row = _row(case, options, settings, progress)
        document["rows"].append(row)
        note()
    return document


def _row(case: Case, options: dict[str, Any], settings: Settings, progress: Progress) -> Document:
    label = " ".join(f"{name} {value}" for name, value in options.items())

    def compare(sides: list[Side], what: str = "") -> Document:
        return harness.compare(
            case, options, sides, rounds=settings.rounds, seconds=settings.seconds,
            progress=lambda text: progress(f"{case.name} {label}: {text}{what}"),
        )  # fmt: skip

    sides = selected_sides(case, settings)
    try:
        row = compare(sides)
        ours = [s for s in sides if s.peer == "gpunet" and s.name in row["sides"]]
        if settings.busy and (ours := [s for s in ours if s.device == "cpu"]):
            with keep_a_core_busy():
                row["busy"] = compare(ours, ", one core busy")["sides"]
            for name, figures in row["busy"].items():
                figures["ratio"] = figures["time"] / row["sides"][name]["time"]
                figures["baseline"] = name
    except harness.BenchmarkError as error:
        return {"options": options, "error": str(error)}
    return row


def _report(case: Report, settings: Settings, document: Document) -> None:
    options: dict[str, Any] = dict(case.tiny) if settings.tiny else {}
    if case.select in settings.where:
        options[case.select] = sorted(settings.where[case.select])
    try:
        rows = harness.report(case, options)
    except harness.BenchmarkError as error:
        document["error"] = str(error)
    else:
        document["rows" if isinstance(rows, list) else "unavailable"] = rows


def write(document: Document, path: Path) -> None:
    """Write `document` as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1) + "\n")
    part.replace(path)


def read(path: Path) -> Document:
    """The document in a file.

    Raises
    ------
    ValueError
        If `path` is not such a file.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path}: not a file that `python -m benchmarks run --out` wrote")
    return document
