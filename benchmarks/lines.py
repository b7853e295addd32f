"""Rates over a size, below them the ratios to the baseline."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .case import OURS
from .style import Theme, canvas, line_style, log_ticks, size_text, spread, tidy
from .tables import UNITS, share
from .throughput import Crossing, crossings, groups

__all__ = ["lines"]

Document = dict[str, Any]
Rows = list[dict[str, Any]]


def lines(rows: Rows, document: Document, theme: Theme) -> Figure:
    """A column for each of the other options; times where there is no amount to divide by."""
    case = document["case"]
    x, unit = case["x"], case["unit"]
    columns = groups(rows, x)
    rated = bool(case.get("rate")) and all("amount" in row for row in rows)
    n = len(columns)
    figure = canvas(max(8.0, 4.8 * n), 7.6, theme)
    axes = figure.subplots(2, n, sharex="col", sharey="row", squeeze=False, height_ratios=[3, 2.4])

    def curve(axis: Axes, part: Rows, key: str, name: str, label: str, **style: Any) -> None:
        points = [(row, row[key][name]["time"]) for row in part if name in row.get(key, {})]
        axis.plot(
            [row["options"][x] for row, _ in points],
            [row["amount"] / t if rated else t * UNITS[unit] for row, t in points],
            label=label, **style,
        )  # fmt: skip

    met = crossings(document)
    for (label, part), above, below in zip(columns.items(), *axes):
        above.set_title(label, fontsize=11, color=theme.ink)
        for name, side in _sides(part).items():
            curve(above, part, "sides", name, name, **line_style(side, theme))
        for name, side in _sides(part, "busy").items():
            style = line_style(side, theme) | {"linestyle": ":", "markerfacecolor": theme.paper}
            curve(above, part, "busy", name, f"{name}, one core busy", **style)
        _ratios(below, part, x, theme)
        values = sorted({row["options"][x] for row in part})
        for axis in (above, below):
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.margins(x=0.12)
            tidy(axis, "both", theme)
        below.set_xticks(values, [size_text(v) for v in values])
        below.set_xlabel(x)
        if rated:
            for crossing in met:
                if crossing.group == label:
                    _mark(above, crossing, theme)
    low, high = axes[1][0].get_ylim()
    axes[1][0].set_ylim(low / 1.3, max(high, 1.5))
    for axis in axes[:, 0]:
        log_ticks(axis.yaxis)
    for below, part in zip(axes[1], columns.values()):
        _annotate(below, part, x, theme)
    axes[0][0].set_ylabel(case["rate"] if rated else f"time, {unit}")
    axes[1][0].set_ylabel("share of the baseline's time")
    return figure


def _ratios(axis: Axes, part: Rows, x: str, theme: Theme) -> None:
    sides = _sides(part)
    for name, side in sides.items():
        points = [
            (row["options"][x], row["sides"][name]["ratio"])
            for row in part
            if name in row["sides"] and row["sides"][name]["ratio"] is not None
        ]
        if side["baseline"] != name and points:
            axis.plot(*zip(*points), **line_style(side, theme))
    for name in {side["baseline"] for side in sides.values()} & set(sides):
        axis.axhline(1, linewidth=1.6, zorder=1, color=line_style(sides[name], theme)["color"])


def _annotate(axis: Axes, part: Rows, x: str, theme: Theme) -> None:
    """The ratios of gpunet's sides in figures, beside their points and off each other."""
    low, high = (math.log(limit) for limit in axis.get_ylim())
    for row in part:
        found = sorted(
            (side["ratio"], theme.peers[side["peer"]])
            for name, side in row["sides"].items()
            if side["peer"] in OURS and side["ratio"] is not None and side["baseline"] != name
        )
        heights = spread([math.log(ratio) for ratio, _ in found], 0.075 * (high - low))
        for (ratio, colour), height in zip(found, heights):
            axis.annotate(
                share(ratio), (row["options"][x], math.exp(height)), (7, 0), fontsize=8,
                textcoords="offset points", va="center", color=colour, zorder=6,
                bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
            )  # fmt: skip


def _mark(axis: Axes, crossing: Crossing, theme: Theme) -> None:
    """A ring where the GPU overtakes the CPU."""
    if crossing.x is None or crossing.rate is None:
        return
    axis.plot(
        crossing.x, crossing.rate, "o", markersize=13, markerfacecolor="none", zorder=7,
        markeredgecolor=theme.ink, markeredgewidth=1.4, label="the GPU overtakes", linestyle="none",
    )  # fmt: skip
    axis.annotate(
        f"{crossing.x:,.0f}", (crossing.x, crossing.rate), (9, -11), fontsize=8.5, color=theme.ink,
        textcoords="offset points", zorder=7,
        bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
    )  # fmt: skip


def _sides(rows: Rows, key: str = "sides") -> dict[str, Any]:
    return {name: side for row in rows for name, side in row.get(key, {}).items()}
