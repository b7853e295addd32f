"""All documents in one table: gpunet's share of the time of what each case compares it with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import OURS
from .tables import Grid, share

__all__ = ["summary"]

_TITLE = (
    "Time of gpunet as a share of PyTorch's, and where so named of JAX's, on the same device; in "
    "the textbook cases of the loop's"
)
_COLUMNS = {
    ("gpunet", "cpu"): "CPU",
    ("gpunet-compiled", "cpu"): "CPU, compiled",
    ("gpunet", "cuda"): "GPU",
    ("gpunet-compiled", "cuda"): "GPU, compiled",
}
_TO_JAX = " : JAX"


def summary(documents: list[dict[str, Any]]) -> Grid | None:
    """A row for each row of the cases, columns for gpunet's sides; None where there is none."""
    lines: list[tuple[str, str, dict[str, str]]] = []
    last = set()
    for document in documents:
        before = len(lines)
        # The ratios of the short work say nothing.
        for row in () if document["settings"].get("short") else document["rows"]:
            if shares := dict(_shares(row.get("sides", {}))):
                options = ", ".join(f"{name} {value}" for name, value in row["options"].items())
                lines.append((document["case"]["name"], options, shares))
        if len(lines) > before:
            last.add(len(lines) - 1)
    if not lines:
        return None
    found = {name for _, _, shares in lines for name in shares}
    every = [*_COLUMNS.values(), *(f"{name}{_TO_JAX}" for name in _COLUMNS.values())]
    columns = [name for name in every if name in found]
    rows = [[case, options, *(s.get(name, "") for name in columns)] for case, options, s in lines]
    headings = [("case", False), ("options", False), *((name, True) for name in columns)]
    return Grid(_TITLE, headings, rows, frozenset(last))


def _shares(sides: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, side in sides.items():
        if side["peer"] not in OURS or side["ratio"] is None or side["baseline"] == name:
            continue
        column = _COLUMNS[side["peer"], side["device"]]
        yield column, share(side["ratio"])
        jax = sides.get("JAX cuda" if side["device"] == "cuda" else "JAX")
        if jax is not None:
            yield f"{column}{_TO_JAX}", share(side["time"] / jax["time"])
