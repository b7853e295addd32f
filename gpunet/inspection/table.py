"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from .report import LayerReport, Report

__all__ = ["SHORT", "rendered"]

#: The causes in a word or two.
SHORT = {
    "saturated neurons": "saturated",
    "dead ReLUs": "dead",
    "small input activation": "small input",
    "exploding error": "exploding",
}


class _Column(NamedTuple):
    heading: str
    text: Callable[[LayerReport], str]
    legend: str = ""


def _size(x: float | None) -> str:
    """``0.049``, ``2.1e-09``."""
    if x is None:
        return "-"
    return f"{x:.0f}" if x == 0 or 10 <= x < 1e4 else f"{x:.2g}"


def _share(x: float | None) -> str:
    return "-" if x is None else f"{x:.0%}"


def _count(n: int) -> str:
    """``"832"``, ``"51k"``, ``"14M"``."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= unit:
            return f"{n / unit:.1f}{name}" if n < 10 * unit else f"{n / unit:.0f}{name}"
    return str(n)


def _kind(layer: LayerReport) -> Text:
    """``"Conv2d + ReLU"``, and below it ``"832 for 14M"``."""
    text = Text(layer.kind if layer.uses < 2 else f"{layer.kind} x{layer.uses}")
    if layer.dense is not None:
        text.append(f"\n{_count(layer.size)} for {_count(layer.dense)}", "dim")
    return text


#: Columns without a number in any layer are left out.
_COLUMNS = (
    _Column("input", lambda x: _size(x.input), "root mean square of the input activations"),
    _Column("delta", lambda x: _size(x.delta), "size of the error dC/dz of one sample"),
    _Column("grad/w", lambda x: _size(x.relative_gradient), "|gradient| / |weights|"),
    _Column("step/w", lambda x: _size(x.relative_update), "|next step| / |weights|"),
    _Column("satur.", lambda x: _share(x.saturated), "saturated units"),
    _Column("dead", lambda x: _share(x.dead), "units that are 0 for every sample"),
    _Column("zeros", lambda x: _share(x.zeros), "zeros among all their values"),
)


def rendered(report: Report) -> Any:
    """Table, legend and diagnosis, for a rich console."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=_title(report), title_justify="left")
    table.add_column("layer", overflow="fold", max_width=20)
    table.add_column("kind", overflow="fold", max_width=24)
    columns = [c for c in _COLUMNS if any(c.text(layer) != "-" for layer in report.layers)]
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    table.add_column("seen")
    for layer in report.layers:
        table.add_row(
            Text(layer.name or "(model)"),
            _kind(layer),
            *[column.text(layer) for column in columns],
            Text(", ".join(SHORT.get(cause, cause) for cause in layer.causes), _style(layer)),
        )
    legend = "; ".join(f"{c.heading}: {c.legend}" for c in columns)
    if any(layer.dense is not None for layer in report.layers):
        legend += "; n for m: the parameters of a convolution for those of a dense layer"
    said = [Text(f"* {sentence}") for sentence in report.diagnosis]
    return Group(table, Text(f"{legend}.", "dim"), Text(), *said)


def _title(report: Report) -> Text:
    step = f"; next step by {report.optimizer}" if report.optimizer else ""
    samples = "1 sample" if report.samples == 1 else f"{report.samples:,} samples"
    return Text(f"loss {report.loss:.4g} on {samples}{step}", "bold")


def _style(layer: LayerReport) -> str:
    return "dim" if set(layer.causes) <= {"frozen", "not used"} else "yellow"
