"""Documents as pictures: rates or times over the size, bars, or a roofline."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure

from .bars import group_bars, plain_bars
from .lines import lines
from .roofline_picture import rooflines
from .style import LIGHT, Theme

__all__ = ["draw"]

#: The distribution of each peer.
_LIBRARIES = {
    "gpunet": "gpunet",
    "gpunet-compiled": "gpunet",
    "torch": "torch",
    "torch-compiled": "torch",
    "torch-graph": "torch",
    "torch-channels-last": "torch",
    "jax": "jax",
    "sklearn": "scikit-learn",
    "loop": "gpunet",
}
#: Inches kept free: above for the title and the legend, below for where the figures are from.
_TITLE, _LEGEND, _CAPTION = 0.45, 0.195, 0.42

Document = dict[str, Any]
Rows = list[dict[str, Any]]


def draw(document: Document, theme: Theme = LIGHT, titled: bool = True) -> Figure | None:
    """The picture of a document; None if it holds nothing to show."""
    case = document["case"]
    if "once" not in case:
        rows = document["rows"]
        if not rows or not (case["bars"] or case.get("roofline")):
            return None
        bars = case["bars"]
        figure = plain_bars(rows, bars, theme) if bars else rooflines(rows, theme)
    else:
        rows = [row for row in document["rows"] if row["sides"]]
        if not rows:
            return None
        if case["x"] and len({row["options"][case["x"]] for row in rows}) > 1:
            figure = lines(rows, document, theme)
        else:
            figure = group_bars(rows, case, theme)
    _frame(figure, document, rows, theme, titled)
    return figure


def _frame(figure: Figure, document: Document, rows: Rows, theme: Theme, titled: bool) -> None:
    """The title, the legend of the lines, and what was measured where, around the axes."""
    case = document["case"]
    width, height = figure.get_size_inches()
    labelled = {
        str(line.get_label()): line
        for axis in figure.axes
        for line in axis.get_lines()
        if not str(line.get_label()).startswith("_")
    }
    title = textwrap.wrap(case["title"], int(width * 9.5)) if titled else []
    above = _TITLE + 0.22 * (len(title) - 1) if titled else 0.12
    if labelled:
        columns = _columns(width, labelled)
        figure.legend(
            list(labelled.values()), list(labelled), loc="upper left", frameon=False, fontsize=9,
            bbox_to_anchor=(0.005, 1 - (above - 0.05) / height), ncols=columns,
            labelcolor=theme.ink, handlelength=3.2,
        )  # fmt: skip
        above += _LEGEND * -(-len(labelled) // columns) + 0.1
    figure.text(
        0.012, 1 - 0.1 / height, "\n".join(title), va="top", fontsize=12.5, fontweight="bold",
        color=theme.ink,
    )  # fmt: skip
    source = textwrap.wrap(_source(document, rows), int(width * 18))
    warnings = [line for text in document["warnings"]
                for line in textwrap.wrap(text, int(width * 18))]  # fmt: skip
    below = _CAPTION + 0.13 * (len(source) + len(warnings) - 1)
    figure.text(
        0.012, 0.08 / height, "\n".join([*source, *warnings]), va="bottom", fontsize=7.5,
        color=theme.warning if warnings else theme.muted,
    )  # fmt: skip
    figure.align_ylabels()
    layout: Any = figure.get_layout_engine()
    layout.set(rect=(0, below / height, 1, 1 - (above + below) / height))


def _columns(width: float, labels: Iterable[str]) -> int:
    """How many entries of a legend stand beside each other."""
    return max(1, int(width / (0.85 + 0.085 * max(map(len, labels)))))


def _source(document: Document, rows: Rows) -> str:
    """Processor, GPU, versions, commit and date, of what the picture shows."""
    machine = document["machine"]
    sides = [side for row in rows for side in row.get("sides", {}).values()]
    place = [f"{machine['processor']}, {machine['usable_cores']} cores"]
    devices = {side["device"] for side in sides} | {row.get("device") for row in rows}
    if "cuda" in devices and machine["gpu"]:
        place.append(machine["gpu"])
        if document["settings"].get("precision") == "high":
            place.append("TF32")
    names = dict.fromkeys(_LIBRARIES[side["peer"]] for side in sides)
    versions = [f"{name} {machine['versions'][name]}" for name in [*names, "numpy"]
                if name in machine["versions"]]  # fmt: skip
    commit = [f"commit {machine['commit']}"] if machine["commit"] else []
    return "; ".join([*place, *versions, *commit, machine["date"]])
