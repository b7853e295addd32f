"""Documents as pictures: lines over the batch size, or bars."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .tables import UNITS, number, share

__all__ = ["draw"]

#: Each peer in its own colour on every picture.
_COLOURS = {
    "gpunet": "#0b6bcb",
    "torch": "#e4572e",
    "torch-compiled": "#f2a65a",
    "jax": "#2a9d5c",
    "sklearn": "#8e5bb5",
    "loop": "#7a7f87",
}
#: The distribution of each peer.
_LIBRARIES = {
    "gpunet": "gpunet",
    "torch": "torch",
    "torch-compiled": "torch",
    "jax": "jax",
    "sklearn": "scikit-learn",
    "loop": "gpunet",
}
_INK, _FAINT, _WARNING = "#23272e", "#d9dce1", "#b3261e"

Document = dict[str, Any]
Rows = list[dict[str, Any]]


#: Inches kept free: above for the title and the legend, below for where the figures are from.
_TITLE, _LEGEND, _CAPTION = 0.45, 0.3, 0.42


def draw(document: Document) -> Figure | None:
    """The picture of a document; None if it holds nothing to show."""
    case = document["case"]
    rows = [row for row in document["rows"] if row.get("sides") or case.get("bars")]
    if not rows or ("once" not in case and not case["bars"]):
        return None
    if case.get("bars"):
        figure = _plain_bars(rows, case["bars"])
    elif case["x"] and len({row["options"][case["x"]] for row in rows}) > 1:
        figure = _lines(rows, case)
    else:
        figure = _bars(rows, case)
    _frame(figure, document, rows)
    return figure


def _lines(rows: Rows, case: Document) -> Figure:
    """Times over the option `x`, below them the ratios; a column for each of the other options."""
    x, scale = case["x"], UNITS[case["unit"]]
    columns: dict[str, Rows] = {}
    for row in rows:
        columns.setdefault(_label(row["options"], x), []).append(row)
    n = len(columns)
    figure = Figure(figsize=(max(8.0, 4.6 * n), 7.0), layout="constrained")
    axes = figure.subplots(2, n, sharex="col", sharey="row", squeeze=False, height_ratios=[3, 2])
    for (label, part), times, ratios in zip(columns.items(), *axes):
        times.set_title(label, fontsize=11, color=_INK)
        for name, side in _sides(part).items():
            style = _style(side) | {"label": name}
            points = [(r["options"][x], r["sides"][name]) for r in part if name in r["sides"]]
            times.plot([at for at, _ in points], [s["time"] * scale for _, s in points], **style)
            points = [(at, s) for at, s in points if s["ratio"] is not None]
            if side["baseline"] == name or not points:
                continue
            ratios.plot([at for at, _ in points], [s["ratio"] for _, s in points], **style)
            for at, s in points if side["peer"] == "gpunet" else ():
                ratios.annotate(
                    share(s["ratio"]), (at, s["ratio"]), (0, 6 if s["device"] == "cuda" else -13),
                    fontsize=8.5, ha="center", textcoords="offset points", color=style["color"],
                )  # fmt: skip
        for name, side in _sides(part, "busy").items():
            points = [(r["options"][x], r["busy"][name]) for r in part if name in r.get("busy", {})]
            style = _style(side) | {"linestyle": ":", "markerfacecolor": "white"}
            style |= {"label": f"{name}, one core busy"}
            times.plot([at for at, _ in points], [s["time"] * scale for _, s in points], **style)
        values = sorted({row["options"][x] for row in part})
        for axis in (times, ratios):
            axis.set_xscale("log")
            axis.set_xticks(values, [str(value) for value in values])
            axis.set_yscale("log")
            _ticks_at_1_2_5(axis.yaxis)
            axis.margins(x=0.1)
            _tidy(axis, "both")
        base = {side["baseline"] for side in _sides(part).values()}
        for name in base & set(_sides(part)):
            ratios.axhline(1, linewidth=1.6, zorder=1, color=_style(_sides(part)[name])["color"])
        ratios.set_xlabel(x)
    low, high = axes[1][0].get_ylim()
    axes[1][0].set_ylim(low / 1.5, max(high, 1.5))
    axes[0][0].set_ylabel(f"time, {case['unit']}")
    axes[1][0].set_ylabel("share of the baseline's time")
    return figure


def _ticks_at_1_2_5(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis; powers of ten alone where that is enough."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def _bars(rows: Rows, case: Document) -> Figure:
    """A group of bars for each row, the time at the end of each."""
    scale, unit = UNITS[case["unit"]], case["unit"]
    groups = [
        [*row["sides"].items()]
        + [(f"{name}, one core busy", side) for name, side in row.get("busy", {}).items()]
        for row in rows
    ]
    sizes = [len(group) for group in groups]
    height = 1.6 + 0.4 * sum(sizes) + 0.6 * len(rows)
    figure = Figure(figsize=(9.0, height), layout="constrained")
    axes = figure.subplots(len(rows), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axis, row, group in zip(axes, rows, groups):
        sources = {side["details"].get("source") for _, side in group} - {None}
        title = "; ".join([_label(row["options"]), *sorted(sources)])
        axis.set_title(title, fontsize=11, loc="left", color=_INK)
        for at, (name, side) in enumerate(group):
            time = side["time"] * scale
            text = f" {number(time)} {unit}"
            if side["ratio"] is not None and side["baseline"] != name:
                text += f"  ({share(side['ratio'])} of {side['baseline']})"
            hatch = "//" if side["device"] == "cuda" or name not in row["sides"] else None
            colour = _COLOURS[side["peer"]]
            axis.barh(at, time, color=colour, height=0.7, hatch=hatch, edgecolor="white")
            axis.annotate(text, (time, at), va="center", fontsize=9, color=_INK)
        axis.set_yticks(range(len(group)), [name for name, _ in group])
        axis.invert_yaxis()
        # From zero: on a logarithmic axis the length of a bar says nothing.
        axis.set_xlim(0, 1.5 * max(side["time"] * scale for _, side in group))
        _tidy(axis, "x")
    axes[-1].set_xlabel(f"time, {unit}")
    return figure


def _plain_bars(rows: Rows, column: str) -> Figure:
    """One bar for each row of a report."""
    name = next(iter(rows[0]))
    figure = Figure(figsize=(8.5, 1.3 + 0.36 * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.barh([row[name] for row in rows], [row[column] for row in rows], color=_COLOURS["gpunet"])
    for at, row in enumerate(rows):
        axis.annotate(f" {row[column]:.2f}", (row[column], at), va="center", fontsize=9)
    axis.invert_yaxis()
    axis.set_xlabel(column)
    axis.set_xlim(0, max(row[column] for row in rows) * 1.12)
    _tidy(axis, "x")
    return figure


def _frame(figure: Figure, document: Document, rows: Rows) -> None:
    """The title, the legend of the lines, and what was measured where, around the axes."""
    case, machine = document["case"], document["machine"]
    width, height = figure.get_size_inches()
    lines = {
        str(line.get_label()): line
        for axis in figure.axes
        for line in axis.get_lines()
        if not str(line.get_label()).startswith("_")
    }
    title = textwrap.wrap(case["title"], int(width * 9.5))
    above = _TITLE + 0.22 * (len(title) - 1)
    if lines:
        figure.legend(
            list(lines.values()), list(lines), loc="upper left", frameon=False, fontsize=9,
            bbox_to_anchor=(0.005, 1 - (above - 0.05) / height), ncols=_columns(width, lines),
        )  # fmt: skip
        above += _LEGEND * -(-len(lines) // _columns(width, lines))
    figure.text(
        0.012, 1 - 0.1 / height, "\n".join(title), va="top", fontsize=12.5, fontweight="bold",
        color=_INK,
    )  # fmt: skip
    text = textwrap.wrap(_source(machine, rows), int(width * 18))
    warnings = document["warnings"]
    below = _CAPTION + 0.13 * (len(text) + len(warnings) - 1)
    figure.text(0.012, 0.08 / height, "\n".join([*text, *warnings]), va="bottom", fontsize=7.5,
                color=_WARNING if warnings else "#6b7079")  # fmt: skip
    layout = figure.get_layout_engine()
    layout.set(rect=(0, below / height, 1, 1 - (above + below) / height))  # type: ignore


def _columns(width: float, lines: Iterable[str]) -> int:
    """How many entries of a legend stand beside each other."""
    return max(1, int(width / (0.6 + 0.085 * max(map(len, lines)))))


def _source(machine: Document, rows: Rows) -> str:
    """Processor, GPU, versions, commit and date, of what the picture shows."""
    sides = [side for row in rows for side in row.get("sides", {}).values()]
    place = [f"{machine['processor']}, {machine['usable_cores']} cores"]
    if any(side["device"] == "cuda" for side in sides) and machine["gpu"]:
        place.append(machine["gpu"])
    names = dict.fromkeys(_LIBRARIES[side["peer"]] for side in sides)
    versions = [f"{name} {machine['versions'][name]}" for name in [*names, "numpy"]
                if name in machine["versions"]]  # fmt: skip
    return "; ".join([*place, *versions, f"commit {machine['commit']}", machine["date"]])


def _tidy(axis: Axes, grid: str) -> None:
    axis.grid(axis=grid, color=_FAINT, linewidth=0.8)  # type: ignore[arg-type]
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axis.tick_params(which="both", length=0, colors=_INK, labelsize=9)
    axis.xaxis.set_minor_locator(NullLocator())


def _label(options: dict[str, Any], without: str = "") -> str:
    return ", ".join(f"{k} {v}" for k, v in options.items() if k != without)


def _sides(rows: Rows, key: str = "sides") -> dict[str, Any]:
    return {name: side for row in rows for name, side in row.get(key, {}).items()}


def _style(side: dict[str, Any]) -> dict[str, Any]:
    cuda = side["device"] == "cuda"
    return {
        "color": _COLOURS[side["peer"]],
        "linestyle": "--" if cuda else "-",
        "marker": "s" if cuda else "o",
        "linewidth": 2.6 if side["peer"] == "gpunet" else 1.8,
        "markersize": 5.5,
        "zorder": 3 if side["peer"] == "gpunet" else 2,
    }
