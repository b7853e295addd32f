"""Documents as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["UNITS", "number", "share", "show"]

#: Of times: name -> how many of them a second has.
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6}


def number(value: float) -> str:
    """Three digits, more of whole numbers."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share(ratio: float) -> str:
    """Two decimals; two digits of what is below a tenth."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def show(document: dict[str, Any], console: Console) -> None:
    """Print the table, then what could not be run, what failed, and what to beware of."""
    rows = [row for row in document["rows"] if "error" not in row]
    case = document["case"]
    if "once" not in case:
        table = _report(rows)
    else:
        table = _each_side_a_row(rows, case) if case["once"] else _each_side_a_column(rows, case)
    if rows:
        console.print(f"\n{case['name']}: {case['title']}", markup=False, highlight=False)
        console.print(table)
        for note in _notes(rows):
            console.print(note, markup=False, highlight=False)
    for row in [*document["rows"], document]:
        if "error" in row:
            console.print(Text(row["error"], style="red"))
    if "unavailable" in document:
        console.print(f"{case['name']}: not run: {document['unavailable']}", markup=False)
        return
    for text in document["warnings"]:
        console.print(Text(text, style="yellow"))


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    sides = {name: side for row in rows for name, side in row.get("sides", {}).items()}
    bases = {
        f"{name} to {side['baseline']}"
        for name, side in sides.items()
        if side["ratio"] is not None and name != side["baseline"]
    }
    if bases:
        notes.append(f"ratio of times: {', '.join(sorted(bases))}")
    missing = {name: why for row in rows for name, why in row.get("missing", {}).items()}
    if missing:
        notes.append("not run: " + ", ".join(f"{name} ({why})" for name, why in missing.items()))
    return notes


def _each_side_a_column(rows: list[dict[str, Any]], case: dict[str, Any]) -> Table:
    scale = UNITS[case["unit"]]
    table = Table()
    for name in rows[0]["options"] if rows else ():
        table.add_column(name, justify="right")
    sides = list(dict.fromkeys(name for row in rows for name in row["sides"]))
    busy = list(dict.fromkeys(name for row in rows for name in row.get("busy", {})))
    for name in sides:
        compared = any(
            side["ratio"] is not None and side["baseline"] != name
            for side in (row["sides"][name] for row in rows if name in row["sides"])
        )
        heading = f"{name}, {case['unit']}{' (ratio)' if compared else ''}"
        table.add_column(heading, justify="right")
    for name in busy:
        table.add_column(f"{name}, one core busy (times quiet)", justify="right")

    for row in rows:
        table.add_row(
            *(str(value) for value in row["options"].values()),
            *(_cell(row["sides"].get(name), scale, but=name) for name in sides),
            *(_cell(row.get("busy", {}).get(name), scale) for name in busy),
        )
    return table


def _cell(figures: dict[str, Any] | None, scale: float, but: str = "") -> str:
    """Time and ratio; without the ratio to a baseline `but`, as that of a side to itself."""
    if figures is None:
        return ""
    time = number(figures["time"] * scale)
    if figures["ratio"] is None or figures["baseline"] == but:
        return time
    return f"{time} ({share(figures['ratio'])})"


def _each_side_a_row(rows: list[dict[str, Any]], case: dict[str, Any]) -> Table:
    scale = UNITS[case["unit"]]
    options = list(rows[0]["options"]) if rows else []
    every = [side for row in rows for side in row["sides"].values()]
    details = list(dict.fromkeys(name for side in every for name in side["details"]))
    phases = list(dict.fromkeys(name for side in every for name in side["phases"]))
    table = Table(*options, "side")
    for name in (case["unit"], "ratio", *details, *(f"{p}, s" for p in phases)):
        table.add_column(name, justify="right")

    def line(row: dict[str, Any], name: str, side: dict[str, Any]) -> None:
        table.add_row(
            *(str(row["options"][o]) for o in options),
            name,
            number(side["time"] * scale),
            "" if side["ratio"] is None else share(side["ratio"]),
            *(_text(side["details"].get(d, "")) for d in details),
            *(number(side["phases"][p]) if p in side["phases"] else "" for p in phases),
        )

    for row in rows:
        for name, side in row["sides"].items():
            line(row, name, side)
        for name, side in row.get("busy", {}).items():
            line(row, f"{name}, one core busy (times quiet)", side)
        table.add_section()
    return table


def _report(rows: list[dict[str, Any]]) -> Table:
    """Columns by the keys; what is a list or a dict is for the file only."""
    names = [n for n, v in rows[0].items() if not isinstance(v, list | dict)] if rows else []
    table = Table()
    for name in names:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    return table


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
