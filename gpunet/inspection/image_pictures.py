"""The filters of a convolutional network, and what it makes of one image, as pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .one_image import ImageReport, Maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_filters", "draw_maps"]

_INK, _GREY = "#333333", "#777777"
#: Red is positive, blue is negative, white is zero.
_SIGNED = "RdBu_r"
#: Channels shown of a layer, and filters shown at most.
_CHANNELS, _FILTERS = 12, 128
_CELL, _LEFT, _TOP = 0.78, 2.1, 1.0  # inches


def draw_filters(report: ImageReport) -> Figure:
    """The filters of the first convolution: in colour where it sees three channels."""
    W = report.filters
    in_colour = W.shape[1] == 3
    most = float(abs(W).max()) or 1.0
    if in_colour:
        shown = [0.5 + 0.5 * w.transpose(1, 2, 0) / most for w in W]
        note = "Grey is 0. A filter answers most where the image has its colours."
    else:
        shown = [w for filters in W for w in filters]
        note = (
            f"Red is positive, blue negative, up to {most:.2g}. A filter answers most\n"
            "where its input is large under red and small under blue."
        )
    total = len(shown)
    shown = shown[:_FILTERS]
    columns = min(len(shown), max(8, math.ceil(math.sqrt(2 * len(shown)))))
    rows = math.ceil(len(shown) / columns)
    width = max(0.4 + _CELL * columns, 7.2)
    figure, height = _figure(width, _TOP + _CELL * rows + 0.15)
    part = "" if total == len(shown) else f", {len(shown)} of {total}"
    size = " x ".join(map(str, W.shape[2:]))
    _text(figure, 0.2, height - 0.3, f"The filters of the first convolution, {size}{part}",
          size=12, weight="bold")  # fmt: skip
    _text(figure, 0.2, height - 0.6, note, size=8.5, color=_GREY)
    for k, image in enumerate(shown):
        i, j = divmod(k, columns)
        axes = _cell(figure, 0.2 + j * _CELL, height - _TOP - (i + 1) * _CELL)
        axes.imshow(image, **({} if in_colour else _scale(most)))
    return figure


def draw_maps(report: ImageReport) -> Figure:
    """For each convolution a row of feature maps, and under it a row of deltas."""
    layers = report.layers
    most = max([min(len(layer.z), _CHANNELS) for layer in layers])
    rows = 1 + sum([1 if layer.delta is None else 2 for layer in layers])
    width = max(_LEFT + _CELL * most + 0.2, 7.6)
    figure, height = _figure(width, _TOP + 0.1 + _CELL * rows + 0.22 * (len(layers) + 1))
    _text(figure, 0.2, height - 0.3, "One image, layer by layer", size=12, weight="bold")
    _text(
        figure, 0.2, height - 0.68,
        "Feature maps: the output of each convolution. Delta: how the cost changes with it, dC/dz."
        f"\nAt most {_CHANNELS} maps are shown, those that vary most. Red is positive, blue "
        "negative, white zero.",
        size=8.5, color=_GREY,
    )  # fmt: skip
    y = height - _TOP - 0.1 - _CELL
    _image_row(figure, report, y)
    for layer in layers:
        y -= 0.22 + _CELL
        shape = " x ".join(map(str, layer.z.shape[1:]))
        title = f"{layer.name or '(model)'}: {layer.kind}\n{len(layer.z)} maps, {shape}"
        chosen = _liveliest(layer)
        _row(figure, y, f"{title}\n{_limit(layer.z)}", layer.z[chosen], _limit_of(layer.z))
        if layer.delta is not None:
            y -= _CELL
            _row(
                figure, y, f"delta\n{_limit(layer.delta)}", layer.delta[chosen],
                _limit_of(layer.delta),
            )  # fmt: skip
    return figure


def _liveliest(layer: Maps) -> np.ndarray:
    """The channels whose answers vary most, in their order: others show little."""
    spread = layer.z.std(axis=(1, 2))
    return np.sort(np.argsort(-spread, kind="stable")[:_CHANNELS])


def _image_row(figure: Figure, report: ImageReport, y: float) -> None:
    image = report.image
    axes = _cell(figure, _LEFT, y)
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / (high - low or 1.0)
    if len(image) == 3:
        axes.imshow(scaled.transpose(1, 2, 0))
    else:
        axes.imshow(scaled[0], cmap="gray")
    _label(figure, y, "the image")
    if report.delta is None:
        return
    most = _limit_of(report.delta)
    # At the right end of a text of its own: the delta of an image is not one of its channels.
    _text(figure, _LEFT + 1.35 * _CELL, y + _CELL / 2, f"delta dC/dx\n{_limit(report.delta)}",
          size=8.5, color=_INK)  # fmt: skip
    for k, delta in enumerate(report.delta[:3]):
        _cell(figure, _LEFT + (2.9 + k) * _CELL, y).imshow(delta, **_scale(most))


def _row(figure: Figure, y: float, label: str, maps: np.ndarray, most: float) -> None:
    _label(figure, y, label)
    for k, image in enumerate(maps):
        _cell(figure, _LEFT + k * _CELL, y).imshow(image, **_scale(most))


def _limit_of(array: np.ndarray) -> float:
    most = float(abs(array).max())
    return most if math.isfinite(most) and most > 0 else 1.0


def _limit(array: np.ndarray) -> str:
    return f"up to {float(abs(array).max()):.2g}"


def _scale(most: float) -> dict[str, Any]:
    return {"cmap": _SIGNED, "vmin": -most, "vmax": most}


def _figure(width: float, height: float) -> tuple[Figure, float]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure, height


def _text(figure: Figure, x: float, y: float, text: str, **options: Any) -> None:
    """Text at a place in inches."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, va="center", **{"color": _INK, **options})


def _label(figure: Figure, y: float, text: str) -> None:
    _text(figure, _LEFT - 0.12, y + _CELL / 2, text, size=8, ha="right", linespacing=1.25)


def _cell(figure: Figure, x: float, y: float) -> Axes:
    """A small square panel at a place in inches."""
    width, height = figure.get_size_inches()
    size = _CELL - 0.07
    axes = figure.add_axes((x / width, y / height, size / width, size / height))
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#cccccc")
    return axes
