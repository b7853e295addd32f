"""The report as a picture: the three causes of slow learning, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from .report import LayerReport, Report
from .thresholds import LARGE_UPDATE, MANY_UNITS, SMALL_INPUT, VANISHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_PLAIN, _LIGHT, _FLAGGED, _INK = "#4477aa", "#c3d2e3", "#cc5544", "#333333"
_FLAGGED_LIGHT, _GREY = "#efc8c1", "#777777"
_ROW, _TOP, _BOTTOM, _LINE = 0.34, 1.15, 0.75, 0.21  # inches
_LEFT, _PANEL, _GAP, _RIGHT = 2.6, 2.25, 0.3, 0.3
_MOST_DECADES = 12


class _Panel(NamedTuple):
    title: str
    note: str  # above the bars, where the dashed line it speaks of is seen
    label: str
    value: Callable[[LayerReport], float | None]
    causes: tuple[str, ...]
    limits: tuple[float, ...]  # where the dashed lines are


def draw(report: Report) -> Figure:
    """One row a layer, from input to output, and one panel for each number."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layers = report.layers
    panels = [p for p in _panels(report) if any(p.value(x) is not None for x in layers)]
    number = max(len(panels), 2)
    width = _LEFT + number * _PANEL + (number - 1) * _GAP + _RIGHT
    lines = [
        line
        for sentence in report.diagnosis
        for line in wrap(sentence, int(13.2 * width), initial_indent="• ", subsequent_indent="   ")
    ]
    inside = _ROW * (len(layers) + 0.4)
    below = _BOTTOM + _LINE * len(lines)
    height = _TOP + inside + below
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    for i, panel in enumerate(panels):
        left = (_LEFT + i * (_PANEL + _GAP)) / width
        axes = figure.add_axes((left, below / height, _PANEL / width, inside / height))
        _prepare(axes, panel, len(layers))
        if panel.limits == _OF_SHARES:
            _shares(axes, panel, layers)
        else:
            _bars(axes, panel, layers)
        if i == 0:
            _names(axes, layers)
    figure.text(0.2 / width, 1 - 0.3 / height, _title(report), weight="bold", size=12, va="center")
    for i, line in enumerate(lines):
        y = (below - _BOTTOM - _LINE * (i + 0.5) + 0.15) / height
        figure.text(0.25 / width, y, line, size=9.5, va="center", color=_INK)
    return figure


#: The limit of the panel with the shares, which is not like the others.
_OF_SHARES = (100 * MANY_UNITS,)


def _panels(report: Report) -> list[_Panel]:
    """The three causes, then what follows from them."""
    last = report.last
    return [
        _Panel(
            "input activation",
            "small: left of the dashed line",
            "root mean square",
            lambda x: x.input,
            ("small input activation",),
            (SMALL_INPUT,),
        ),
        _Panel(
            "error delta",
            "vanished: left of the dashed line",
            "|dC/dz| of one sample",
            lambda x: x.delta,
            ("small error", "exploding error"),
            (VANISHED * last.delta,) if last is not None and last.delta else (),
        ),
        _Panel(
            "saturated or dead units",
            "pale: share of all values",
            "per cent",
            lambda x: x.saturated if x.dead is None else x.dead,
            ("saturated neurons", "dead ReLUs"),
            _OF_SHARES,
        ),
        _Panel(
            "gradient",
            "dC/dw of this batch",
            "|gradient| / |weights|",
            lambda x: x.relative_gradient,
            ("gradient zero",),
            (),
        ),
        _Panel(
            "next step",
            "large: right of the dashed line",
            "|step| / |weights|",
            lambda x: x.relative_update,
            ("large update", "tiny update"),
            (LARGE_UPDATE,),
        ),
    ]


def _title(report: Report) -> str:
    step = f", next step by {report.optimizer}" if report.optimizer else ""
    samples = "1 sample" if report.samples == 1 else f"{report.samples:,} samples"
    return f"How each layer learns: loss {report.loss:.4g} on {samples}{step}"


def _prepare(axes: Axes, panel: _Panel, rows: int) -> None:
    axes.set_ylim(rows - 0.3, -0.7)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_title(panel.title, size=10.5, loc="left", pad=18)
    axes.set_xlabel(panel.label, size=9, loc="left")


def _names(axes: Axes, layers: Sequence[LayerReport]) -> None:
    """The layers, left of the first panel."""
    start = 12 - 72 * _LEFT
    _note(axes, "layer, from input to output", start)
    for y, layer in enumerate(layers):
        kind = layer.kind if layer.uses < 2 else f"{layer.kind} x{layer.uses}"
        name = layer.name or "(model)"
        room = 30 - len(kind)
        name = name if len(name) <= room else f"…{name[1 - room :]}"
        coordinates = axes.get_yaxis_transform()
        for text, x, side, color in ((name, start, "left", _INK), (kind, -8, "right", _GREY)):
            _annotate(
                axes, text, (0, y), (x, 0), xycoords=coordinates, size=9, color=color, ha=side,
                va="center",
            )  # fmt: skip


def _note(axes: Axes, text: str, x: float = 0) -> None:
    """Small text above the axes."""
    _annotate(axes, text, (0, 1), (x, 6), size=8, color=_GREY)


def _annotate(axes: Axes, text: str, place: Any, shift: Any, **options: Any) -> None:
    """Text at a place, by default in shares of the axes, moved by so many points."""
    options = {"xycoords": "axes fraction", "annotation_clip": False, **options}
    axes.annotate(text, place, shift, textcoords="offset points", **options)


def _bars(axes: Axes, panel: _Panel, layers: Sequence[LayerReport]) -> None:
    """Bars on a logarithmic scale, with their values."""
    from matplotlib.ticker import LogLocator, NullLocator

    values = [panel.value(layer) for layer in layers]
    low, high = _range([x for x in values if x and math.isfinite(x)], panel.limits)
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** 0.34)  # room for the numbers
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    seen = [limit for limit in panel.limits if low <= limit <= high]
    for limit in seen:
        _dashed(axes, limit)
    if seen or not panel.limits:
        _note(axes, panel.note)
    for y, (x, layer) in enumerate(zip(values, layers)):
        flagged = any(cause in layer.causes for cause in panel.causes)
        end = low
        if x and math.isfinite(x):
            end = max(x, low)
            axes.barh(y, end - low, left=low, height=0.62, color=_FLAGGED if flagged else _PLAIN)
        _write(axes, end, y, _text(x, layer), x is not None and (flagged or not math.isfinite(x)))


def _range(sizes: Sequence[float], limits: Sequence[float]) -> tuple[float, float]:
    """Whole decades around the sizes, and around a limit that is near."""
    low, high = min(sizes, default=0.1), max(sizes, default=1.0)
    near = [x for x in limits if low / 30 < x < high * 30]
    low, high = min([low, *near]), max([high, *near])
    low = max(low, high / 10.0**_MOST_DECADES)
    first, last = math.floor(math.log10(low) - 0.3), math.ceil(math.log10(high))
    return 10.0 ** max(first, -300), 10.0 ** max(last, first + 1, -299)


def _shares(axes: Axes, panel: _Panel, layers: Sequence[LayerReport]) -> None:
    """The units that are stuck, in front of the share of all values for which that holds."""
    axes.set_xlim(0, 175)
    _note(axes, panel.note)
    axes.set_xticks([0, 25, 50, 75, 100])
    _dashed(axes, *_OF_SHARES)
    for y, layer in enumerate(layers):
        texts, end = [], 0.0
        for word, cause, units, values in (
            ("saturated", "saturated neurons", layer.saturated, layer.saturated_values),
            ("dead", "dead ReLUs", layer.dead, layer.zeros),
        ):
            if units is None or values is None:
                continue
            flagged = cause in layer.causes
            light = _FLAGGED_LIGHT if flagged else _LIGHT
            axes.barh(y, 100 * values, height=0.62, color=light)
            axes.barh(y, 100 * units, height=0.36, color=_FLAGGED if flagged else _PLAIN)
            texts.append(f"{units:.0%} {word}")
            end = max(end, 100 * values, 100 * units)
        flagged = bool({"saturated neurons", "dead ReLUs"} & set(layer.causes))
        _write(axes, end, y, ", ".join(texts) or "-", flagged)


def _dashed(axes: Axes, x: float) -> None:
    axes.axvline(x, color="#888888", linewidth=0.9, linestyle=(0, (4, 3)))


def _write(axes: Axes, x: float, y: int, text: str, flagged: bool) -> None:
    background = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    color = _FLAGGED if flagged else _INK
    _annotate(
        axes, text, (x, y), (4, 0), xycoords="data", size=8.5, color=color, va="center",
        bbox=background,
    )  # fmt: skip


def _text(x: float | None, layer: LayerReport) -> str:
    if x is None:
        return "frozen" if layer.frozen else "-"
    return f"{x:.2g}"
