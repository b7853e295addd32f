"""Rates over the batch size, and where the GPU overtakes the CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .case import OURS

__all__ = ["Crossing", "crossings", "groups", "rate"]

Rows = list[dict[str, Any]]


class Crossing(NamedTuple):
    """Where a side on the GPU and the same on the CPU take as long.

    Attributes
    ----------
    group : str
        The other options of the rows.
    side : str
        The side on the CPU.
    x : float, optional
        Between two measured sizes, on a straight line through the logarithms; None where one is
        faster at all of them.
    rate : float, optional
        Of both, there.
    text : str
        All of it in words.
    """

    group: str
    side: str
    x: float | None
    rate: float | None
    text: str


def groups(rows: Rows, x: str) -> dict[str, Rows]:
    """The rows that differ in `x` alone, sorted by it, by the label of their other options."""
    found: dict[str, Rows] = {}
    for row in rows:
        label = ", ".join(f"{k} {v}" for k, v in row["options"].items() if k != x)
        found.setdefault(label, []).append(row)
    return {label: sorted(rows, key=lambda r: r["options"][x]) for label, rows in found.items()}


def rate(row: dict[str, Any], name: str) -> float:
    """What the side does in a second: of the case's amount, if it has one, else of steps."""
    return row.get("amount", 1.0) / row["sides"][name]["time"]


def crossings(document: dict[str, Any]) -> list[Crossing]:
    """For every side of gpunet that was measured on both devices over at least two sizes."""
    x = document["case"].get("x")
    if not x:
        return []
    found = []
    for label, rows in groups([row for row in document["rows"] if row.get("sides")], x).items():
        for name in dict.fromkeys(
            name for row in rows for name, side in row["sides"].items() if side["peer"] in OURS
        ):
            both = [row for row in rows if {name, f"{name} cuda"} <= set(row["sides"])]
            if len(both) > 1:
                found.append(_crossing(label, name, x, both))
    return found


def _crossing(label: str, name: str, x: str, rows: Rows) -> Crossing:
    sizes = [row["options"][x] for row in rows]
    leads = [math.log(rate(row, f"{name} cuda") / rate(row, name)) for row in rows]
    head = f"{label}: " if label else ""
    if all(lead > 0 for lead in leads):
        text = f"{head}{name} is faster on the GPU from {x} {sizes[0]:,} on, the smallest measured"
        return Crossing(label, name, None, None, text)
    if all(lead <= 0 for lead in leads):
        text = f"{head}{name} is faster on the CPU up to {x} {sizes[-1]:,}, the largest measured"
        return Crossing(label, name, None, None, text)
    at = max(i for i, lead in enumerate(leads) if lead <= 0)  # the last size of the CPU's
    if at == len(leads) - 1:
        text = f"{head}{name}: neither device is faster from some {x} on"
        return Crossing(label, name, None, None, text)
    part = leads[at] / (leads[at] - leads[at + 1])
    place = _between(sizes[at : at + 2], part)
    height = _between([rate(row, name) for row in rows[at : at + 2]], part)
    text = f"{head}{name} is faster on the GPU from {x} {place:,.0f} on"
    return Crossing(label, name, place, height, text)


def _between(ends: Sequence[float], part: float) -> float:
    """On the way from one end to the other, in logarithms."""
    return math.exp(math.log(ends[0]) * (1 - part) + math.log(ends[1]) * part)
