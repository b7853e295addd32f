"""Bars: the sides of each row, or one column of a report."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from .style import Theme, canvas, tidy
from .tables import UNITS, number, share

__all__ = ["group_bars", "plain_bars"]

Rows = list[dict[str, Any]]


def group_bars(rows: Rows, case: dict[str, Any], theme: Theme) -> Figure:
    """A group of bars for each row, the time at the end of each."""
    scale, unit = UNITS[case["unit"]], case["unit"]
    groups = [
        [*row["sides"].items()]
        + [(f"{name}, one core busy", side) for name, side in row.get("busy", {}).items()]
        for row in rows
    ]
    sizes = [len(group) for group in groups]
    figure = canvas(9.0, 1.6 + 0.34 * sum(sizes) + 0.6 * len(rows), theme)
    axes = figure.subplots(len(rows), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axis, row, group in zip(axes, rows, groups):
        sources = {side["details"].get("source") for _, side in group} - {None}
        label = ", ".join(f"{name} {value}" for name, value in row["options"].items())
        axis.set_title(
            "; ".join([label, *sorted(sources)]), fontsize=11, loc="left", color=theme.ink
        )
        for at, (name, side) in enumerate(group):
            time = side["time"] * scale
            text = f" {number(time)} {unit}"
            if side["ratio"] is not None and side["baseline"] != name:
                text += f"  ({share(side['ratio'])} of {side['baseline']})"
            hatch = "//" if side["device"] == "cuda" or name not in row["sides"] else None
            axis.barh(
                at, time, color=theme.peers[side["peer"]], height=0.7, hatch=hatch,
                edgecolor=theme.paper,
            )  # fmt: skip
            axis.annotate(
                text, (time, at), va="center", fontsize=9, color=theme.ink,
                bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip
        axis.set_yticks(range(len(group)), [name for name, _ in group])
        axis.invert_yaxis()
        # From zero: on a logarithmic axis the length of a bar says nothing.
        axis.set_xlim(0, 1.5 * max(side["time"] * scale for _, side in group))
        tidy(axis, "x", theme)
    axes[-1].set_xlabel(f"time, {unit}")
    return figure


def plain_bars(rows: Rows, column: str, theme: Theme) -> Figure:
    """One bar for each row of a report."""
    name = next(iter(rows[0]))
    figure = canvas(8.5, 1.3 + 0.36 * len(rows), theme)
    axis = figure.subplots()
    axis.barh(
        [row[name] for row in rows], [row[column] for row in rows], color=theme.peers["gpunet"]
    )
    for at, row in enumerate(rows):
        axis.annotate(
            f" {row[column]:.2f}", (row[column], at), va="center", fontsize=9, color=theme.ink
        )
    axis.invert_yaxis()
    axis.set_xlabel(column)
    axis.set_xlim(0, max(row[column] for row in rows) * 1.12)
    tidy(axis, "x", theme)
    return figure
