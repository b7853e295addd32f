"""The learning curve as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..io import replacing

__all__ = ["plot_history"]

_LABELS = {"train": "training (mean over the epoch)", "val": "held out (after the epoch)"}


def plot_history(
    history: Sequence[Mapping[str, Any]], filename: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw each measured value over the epochs, training and held-out data in one panel.

    Parameters
    ----------
    history : sequence of mapping
        As ``trainer.history``: ``epoch``, ``train_loss``, ``val_loss``, ...
    filename : path
        Of the picture; its ending says what it is: .png, .svg or .pdf.
    title : str

    Raises
    ------
    ValueError
        If there is nothing to draw, or the ending is none that matplotlib knows.
    OSError
        If the file cannot be written.
    """
    names = _measured(history)
    if not names:
        raise ValueError("history: expected at least one record with a measured value")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    if title:
        figure.suptitle(title)
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names):
        for part, color in (("train", "tab:blue"), ("val", "tab:orange")):
            points = [
                (record["epoch"], record[f"{part}_{name}"])
                for record in history
                if f"{part}_{name}" in record
            ]
            if points:
                marker = "o" if len(points) <= 40 else ""
                panel.plot(
                    *zip(*points), color=color, marker=marker, markersize=3, label=_LABELS[part]
                )
        panel.set_xlabel("epoch")
        panel.set_ylabel(name)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        if name == "accuracy":
            panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    with replacing(filename) as file:
        figure.savefig(file, format=Path(filename).suffix.lstrip(".") or "png", dpi=120)


def _measured(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of what was measured in training or validation, in their order."""
    names: dict[str, None] = {}
    for record in history:
        for key in record:
            part, _, name = key.partition("_")
            if part in _LABELS and name:
                names[name] = None
    return list(names)
