"""What the pictures share: colours for light and dark pages, lines, axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .case import OURS

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "canvas",
    "line_style",
    "log_ticks",
    "size_text",
    "spread",
    "tidy",
]


class Theme(NamedTuple):
    """Colours of a page; `peers` has one for each peer, the same on every picture."""

    paper: str
    ink: str
    muted: str
    faint: str
    warning: str
    peers: dict[str, str]


def _peers(*colours: str) -> dict[str, str]:
    names = (
        "gpunet", "gpunet-compiled", "torch", "torch-compiled", "torch-graph",
        "torch-channels-last", "jax", "sklearn", "loop",
    )  # fmt: skip
    return dict(zip(names, colours, strict=True))


LIGHT = Theme(
    "#ffffff", "#23272e", "#6b7079", "#d9dce1", "#b3261e",
    _peers("#0b6bcb", "#072f6b", "#e4572e", "#f2a65a", "#a8201a",
           "#c0872b", "#2a9d5c", "#8e5bb5", "#7a7f87"),
)  # fmt: skip
DARK = Theme(
    "#15181d", "#e6e8eb", "#9aa1ab", "#343a43", "#ff8a80",
    _peers("#4ba3f5", "#b3dcff", "#ff7a54", "#f7c48a", "#ff4d5e",
           "#e0b05c", "#4cc98a", "#b98be0", "#9aa1ab"),
)  # fmt: skip

#: Eager work is a circle, compiled a diamond, a graph a triangle.
_MARKERS = {
    "gpunet-compiled": "D", "torch-compiled": "D", "torch-graph": "^", "torch-channels-last": "v",
}  # fmt: skip


def canvas(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure."""
    return Figure(figsize=(width, height), layout="constrained", facecolor=theme.paper)


def line_style(side: dict[str, Any], theme: Theme) -> dict[str, Any]:
    """Of the line of a side: dashed and with white markers on a GPU."""
    cuda = side["device"] == "cuda"
    ours = side["peer"] in OURS
    return {
        "color": theme.peers[side["peer"]],
        "linestyle": "--" if cuda else "-",
        "marker": _MARKERS.get(side["peer"], "o"),
        "markerfacecolor": theme.paper if cuda else theme.peers[side["peer"]],
        "linewidth": 2.4 if ours else 1.6,
        "markersize": 5.5,
        "zorder": 4 if ours else 3,
    }


def tidy(axis: Axes, grid: Any, theme: Theme) -> None:
    """A light grid, no frame."""
    axis.set_facecolor(theme.paper)
    axis.grid(axis=grid, color=theme.faint, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axis.tick_params(which="both", length=0, colors=theme.ink, labelsize=9)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.label.set_color(theme.ink)
    axis.yaxis.label.set_color(theme.ink)


def log_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis; powers of ten alone where that is enough."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_locator(NullLocator())


def _plain(value: float) -> str:
    return f"{value / 1e6:,g} million" if value >= 1e6 else f"{value:,g}"


def size_text(value: float) -> str:
    """Large powers of two as 64 Ki, 16 Mi; anything else as it is."""
    for unit, factor in (("Mi", 2**20), ("Ki", 2**10)):
        if value >= max(factor, 65536) and value % factor == 0:
            return f"{value // factor} {unit}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions near to `values`, which ascend, that are at least `gap` apart."""
    placed: list[float] = []
    for value in values:
        placed.append(max(value, placed[-1] + gap) if placed else value)
    if placed:
        # What was pushed up only: half of it comes down again.
        shift = sum(p - v for p, v in zip(placed, values)) / len(placed)
        placed = [p - shift for p in placed]
    return placed
