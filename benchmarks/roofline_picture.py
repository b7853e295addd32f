"""The picture of a roofline: what pieces of work reach below the two roofs of their device."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import Theme, canvas, log_ticks, tidy
from .tables import number

__all__ = ["rooflines"]

Rows = list[dict[str, Any]]

_MARKERS = "osD^vP"
_DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def rooflines(rows: Rows, theme: Theme) -> Figure:
    """A row of the picture for each device; at its right the names and the shares."""
    devices = list(dict.fromkeys(row["device"] for row in rows))
    figure = canvas(9.5, 1.2 + 4.4 * len(devices), theme)
    axes = figure.subplots(len(devices), 1, squeeze=False)[:, 0]
    for axis, device in zip(axes, devices):
        _one(axis, [row for row in rows if row["device"] == device], theme)
        axis.set_title(_DEVICES[device], fontsize=11, loc="left", color=theme.ink)
    return figure


def _one(axis: Axes, rows: Rows, theme: Theme) -> None:
    gflops, gbytes = rows[0]["roof"]
    intensities = [row["FLOP/byte"] for row in rows]
    ridge = gflops / gbytes
    left, right = min([*intensities, ridge]) / 2, max([*intensities, ridge]) * 2
    axis.plot(
        [left, ridge, right], [left * gbytes, gflops, gflops], color=theme.ink, linewidth=1.8,
        label="_roof",
    )  # fmt: skip
    style: Any = {"fontsize": 8.5, "color": theme.ink, "textcoords": "offset points"}
    axis.annotate(
        f"matrix product: {number(gflops)} GFLOP/s", (right, gflops), (0, 5), ha="right", **style
    )
    middle = (left * ridge) ** 0.5
    text = f"copy: {number(gbytes)} GB/s"
    axis.annotate(text, (middle, middle * gbytes), (-8, 2), ha="right", **style)
    colours = dict.fromkeys(theme.peers.values())
    points = []
    for i, row in enumerate(rows):
        colour = list(colours)[i % len(colours)]
        (point,) = axis.plot(
            row["FLOP/byte"], row["GFLOP/s"], _MARKERS[i % len(_MARKERS)], color=colour,
            markersize=8, linestyle="none", label=f"_{row['what']}", zorder=4,
        )  # fmt: skip
        points.append(point)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(left, right)
    lowest = min(row["GFLOP/s"] for row in rows)
    axis.set_ylim(min(lowest, left * gbytes) / 1.6, gflops * 2)
    tidy(axis, "both", theme)
    log_ticks(axis.xaxis)
    log_ticks(axis.yaxis)
    axis.set_xlabel("operations for each byte read or written (FLOP/byte)")
    axis.set_ylabel("GFLOP/s")
    names = [f"{row['what']}: {row['share of the roof']:.0%}" for row in rows]
    legend = axis.legend(
        points, names, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9,
        labelcolor=theme.ink, title="share of the roof", title_fontsize=9, alignment="left",
    )  # fmt: skip
    legend.get_title().set_color(theme.ink)
