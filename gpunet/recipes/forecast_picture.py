"""A picture of forecasts: beside the truth, and how wrong they are at each horizon."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..io import replacing
from .forecasting import Forecasting, Forecasts

__all__ = ["draw_forecasts"]

#: Forecasts in the picture, at most.
_SHOWN = 12
_STYLES = {
    "model": ("tab:red", "-"),
    "last value": ("tab:gray", ":"),
    "seasonal naive": ("tab:blue", "--"),
}


def draw_forecasts(found: Forecasts, recipe: Forecasting, path: Path) -> None:
    """Draw the forecasts of the model against the truth, and the errors over the horizon.

    Above are the last of those forecasts of the held-out part that follow one another without
    overlap, and the truth from the first one's window on.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 6.4), layout="constrained")
    course, errors = figure.subplots(2, 1, height_ratios=[3, 2])
    shown = range(0, len(found.truth), recipe.horizon)[-_SHOWN:]
    begin = len(recipe.target) - recipe.held_out + shown[0] - recipe.length
    end = len(recipe.target) - recipe.held_out + shown[-1] + recipe.horizon
    course.plot(
        recipe.dates[begin:end],
        recipe.target[begin:end],
        color="black",
        linewidth=1.2,
        label="truth",
    )
    for number, n in enumerate(shown):
        for name, values in (("model", found.model), ("seasonal naive", found.seasonal)):
            color, line = _STYLES[name]
            course.plot(
                found.dates[n],
                values[n],
                line,
                color=color,
                linewidth=1.4 if name == "model" else 0.9,
                label=name if number == 0 else None,
            )
        course.axvline(found.dates[n, 0], color="black", alpha=0.12, linewidth=0.8)
    course.set_ylabel(recipe.unit)
    course.set_title(
        f"{recipe.name}: forecasts {recipe.horizon} steps ahead, each from where a thin line is"
    )
    steps = np.arange(1, recipe.horizon + 1)
    for name, error in found.errors().items():
        color, line = _STYLES[name]
        errors.plot(
            steps, error, line, color=color, marker="o", markersize=3,
            label=f"{name}: {error.mean():.2f} on average",
        )  # fmt: skip
    errors.set_xlabel("steps ahead")
    errors.set_ylabel(f"mean absolute error\nin {recipe.unit}")
    errors.set_ylim(bottom=0)
    errors.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in (course, errors):
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
