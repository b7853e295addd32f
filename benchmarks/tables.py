"""Documents as grids of text, for the terminal and for the report."""

from __future__ import annotations

from typing import Any, NamedTuple

from .throughput import crossings

__all__ = ["UNITS", "Grid", "failures", "grids", "notes", "number", "share"]

#: Of times: name -> how many of them a second has.
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6}

Rows = list[dict[str, Any]]


class Grid(NamedTuple):
    """A table. A column is its heading, and whether it holds numbers.

    `sections` are the places of rows after which a line is drawn.
    """

    title: str
    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    sections: frozenset[int] = frozenset()


def number(value: float) -> str:
    """Three digits, more of whole numbers."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share(ratio: float) -> str:
    """Two decimals; two digits of what is below a tenth."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def grids(document: dict[str, Any]) -> list[Grid]:
    """The tables of a document; one for each device where sides ran on both."""
    case, rows = document["case"], document["rows"]
    if "once" not in case:
        return [_report(rows)] if rows else []
    rows = [row for row in rows if row["sides"]]
    if not rows:
        return []
    if case["once"]:
        return [_each_side_a_row(rows, case)]
    devices = dict.fromkeys(side["device"] for row in rows for side in row["sides"].values())
    if len(devices) < 2:
        return [_each_side_a_column(rows, case)]
    return [
        _each_side_a_column(rows, case, device, title)
        for device, title in (("cpu", "on the CPU"), ("cuda", "on the GPU"))
    ]


def notes(document: dict[str, Any]) -> list[str]:
    """What a reader of the table must know: the ratios, who is missing, where the GPU overtakes."""
    if "unavailable" in document:
        return [f"not run: {document['unavailable']}"]
    rows, found = document["rows"], []
    sides = {name: side for row in rows for name, side in row.get("sides", {}).items()}
    bases: dict[str, list[str]] = {}
    for name, side in sides.items():
        if side["ratio"] is not None and name != side["baseline"]:
            bases.setdefault(side["baseline"], []).append(name)
    if bases:
        texts = [f"{', '.join(names)} to {base}" for base, names in bases.items()]
        found.append(f"ratio of times: {'; '.join(texts)}")
    if document["settings"].get("precision") == "high":
        found.append("float32 products on the GPU in TF32")
    found += [crossing.text for crossing in crossings(document)]
    missing: dict[str, list[str]] = {}
    for name, why in {n: w for row in rows for n, w in row.get("missing", {}).items()}.items():
        missing.setdefault(why, []).append(name)
    if missing:
        texts = [f"{', '.join(names)} ({why})" for why, names in missing.items()]
        found.append(f"not run: {'; '.join(texts)}")
    return found


def failures(document: dict[str, Any]) -> list[str]:
    """What failed, with its last words."""
    found = [why for row in document["rows"] for why in row.get("failed", {}).values()]
    return [*found, document["error"]] if "error" in document else found


def _each_side_a_column(
    rows: Rows, case: dict[str, Any], device: str = "", title: str = ""
) -> Grid:
    scale = UNITS[case["unit"]]
    names = dict.fromkeys(
        name
        for row in rows
        for name, side in row["sides"].items()
        if device in ("", side["device"])
    )
    busy = {} if device == "cuda" else dict.fromkeys(n for r in rows for n in r.get("busy", {}))
    columns = [(option, True) for option in rows[0]["options"]]
    for name in names:
        compared = any(
            side["ratio"] is not None and side["baseline"] != name
            for side in (row["sides"][name] for row in rows if name in row["sides"])
        )
        columns.append((f"{name}, {case['unit']}{' (ratio)' if compared else ''}", True))
    columns += [(f"{name}, one core busy (times quiet)", True) for name in busy]
    cells = [
        [
            *(str(value) for value in row["options"].values()),
            *(_cell(row["sides"].get(name), scale, but=name) for name in names),
            *(_cell(row.get("busy", {}).get(name), scale) for name in busy),
        ]
        for row in rows
    ]
    return Grid(title, columns, cells)


def _cell(figures: dict[str, Any] | None, scale: float, but: str = "") -> str:
    """Time and ratio; without the ratio to a baseline `but`, as that of a side to itself."""
    if figures is None:
        return ""
    time = number(figures["time"] * scale)
    if figures["ratio"] is None or figures["baseline"] == but:
        return time
    return f"{time} ({share(figures['ratio'])})"


def _each_side_a_row(rows: Rows, case: dict[str, Any]) -> Grid:
    scale = UNITS[case["unit"]]
    options = list(rows[0]["options"])
    every = [side for row in rows for side in row["sides"].values()]
    details = list(dict.fromkeys(name for side in every for name in side["details"]))
    phases = list(dict.fromkeys(name for side in every for name in side["phases"]))
    columns = [*((option, False) for option in options), ("side", False)]
    columns += [(n, True) for n in (case["unit"], "ratio", *details, *(f"{p}, s" for p in phases))]
    cells: list[list[str]] = []
    sections = set()
    for row in rows:
        busy = {f"{n}, one core busy (times quiet)": s for n, s in row.get("busy", {}).items()}
        for name, side in {**row["sides"], **busy}.items():
            cells.append(
                [
                    *(str(row["options"][o]) for o in options),
                    name,
                    number(side["time"] * scale),
                    "" if side["ratio"] is None else share(side["ratio"]),
                    *(_text(side["details"].get(d, "")) for d in details),
                    *(number(side["phases"][p]) if p in side["phases"] else "" for p in phases),
                ]
            )
        sections.add(len(cells) - 1)
    return Grid("", columns, cells, frozenset(sections))


def _report(rows: Rows) -> Grid:
    """Columns by the keys; what is a list or a dict is for the file only."""
    names = [n for n, v in rows[0].items() if not isinstance(v, list | dict)]
    columns = [(name, not isinstance(rows[0][name], str)) for name in names]
    return Grid("", columns, [[str(row[name]) for name in names] for row in rows])


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
