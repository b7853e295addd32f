"""What the network of `ox` has learned, as pictures: its filters, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import no_grad
from ..backend import Device, backend_of
from ..functions.data import from_numpy
from ..io import replacing
from ..nn import Module
from .drawings import CLASSES, SMALL, drawings, generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_filters", "draw_responses"]

_INK, _GREY = "#333333", "#777777"
#: Red is positive, blue is negative, white is zero, in all pictures.
_SIGNED = "RdBu_r"


def draw_filters(model: Module, path: Path) -> None:
    """The two filters and the weights of the quadrants: all 30 numbers."""
    from matplotlib.figure import Figure

    conv, head = _layers(model)
    filters, offsets = _numbers(conv.weight)[:, 0], _numbers(conv.bias)
    weights, biases = _numbers(head.weight).reshape(2, 2, 2), _numbers(head.bias)
    figure = Figure(figsize=(7.4, 7.0), facecolor="white")
    figure.text(0.04, 0.955, "The 30 numbers of the network", size=13, weight="bold", color=_INK)
    figure.text(
        0.04, 0.885,
        "Red is positive, blue negative. A filter answers most where the drawing is bright under "
        "its red\nand dark under its blue cells. Its largest answer in each quadrant counts by "
        "that quadrant's weight;\nthe sum is the score of its class, and the higher score wins.",
        size=9, color=_INK,
    )  # fmt: skip
    for k, name in enumerate(CLASSES):
        bottom = 0.49 - 0.43 * k
        figure.text(0.04, bottom + 0.17, f"for the\n{name}", size=12, color=_INK, va="center")
        left = figure.add_axes((0.16, bottom, 0.34, 0.34))
        _cells(left, filters[k], abs(filters).max())
        left.set_title(f"filter   (bias {offsets[k]:+.2f})", size=10, color=_INK)
        right = figure.add_axes((0.6, bottom, 0.34, 0.34))
        _cells(right, weights[k], abs(weights).max())
        right.set_title(f"weights of the quadrants   (bias {biases[k]:+.2f})", size=10, color=_INK)
    _save(figure, path)


def draw_responses(model: Module, device: Device, path: Path) -> None:
    """Sample drawings, the response maps with their largest answers, and how the scores follow."""
    from matplotlib.figure import Figure

    images, labels, notes = _samples()
    found = _forward(model, images, device)
    _, head = _layers(model)
    weights, biases = _numbers(head.weight)[:, 0], _numbers(head.bias)
    most = abs(found["maps"]).max()
    contributions = found["maxima"] * weights
    largest = abs(contributions).max()
    rows = len(images)
    height = 1.75 + 1.75 * rows
    figure = Figure(figsize=(12.4, height), facecolor="white")
    figure.text(
        0.02, 1 - 0.28 / height, "Where the filters answer, and what follows from it",
        size=13, weight="bold", color=_INK, va="center",
    )  # fmt: skip
    figure.text(
        0.02, 1 - 0.56 / height,
        "Red is positive, blue negative. Rings mark the largest answer in each quadrant; beside "
        "them, these answers times the quadrants' weights. The higher score wins.",
        size=9, color=_GREY, va="center",
    )  # fmt: skip
    for n in range(rows):
        bottom = (1.75 * (rows - 1 - n) + 0.85) / height
        size = 1.4 / height

        _drawing(_panel(figure, 0.09, bottom, size), images[n, 0], "drawing" if n == 0 else "")
        figure.text(0.02, bottom + size / 2, notes[n], size=9.5, color=_INK, va="center")
        for k, name in enumerate(CLASSES):
            left = 0.24 + 0.31 * k
            title = f"answers of the {name}'s filter" if n == 0 else ""
            _map(_panel(figure, left, bottom, size), found["maps"][n, k], most, title)
            title = f"score of the {name}" if n == 0 else ""
            shown = _panel(figure, left + 0.145, bottom, size)
            _cells(shown, contributions[n, k].reshape(2, 2), largest, title)
            shown.set_xlabel(
                f"sum {contributions[n, k].sum():+.1f}, bias {biases[k]:+.1f}: "
                f"{found['scores'][n, k]:+.1f}",
                size=8, color=_INK, labelpad=3,
            )  # fmt: skip
        _verdict(figure, 0.86, bottom + size / 2, found["scores"][n], int(labels[n]))
    figure.text(
        0.02, 0.42 / height,
        "The weak spot: a drawing wholly within one quadrant has all its strokes there. Which "
        "stroke lies where, by which the others are told apart,\nis lost, and what the empty "
        "quadrants answer to noise decides.",
        size=9, color=_GREY, va="center",
    )  # fmt: skip
    _save(figure, path)


def _samples() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Two usual drawings of each class, and a pair for the weak spot."""
    images, labels, notes = [], [], []
    for stream, radii, place, note in (
        (1, (5.0, 6.5), "anywhere", "large"),
        (2, (3.5, 4.5), "anywhere", "smaller"),
        (6, SMALL, "quadrant", "in one\nquadrant"),
    ):
        both = drawings(2, generator(7, stream), radii, place)
        for image, label in zip(*[tensor.array for tensor in both.tensors]):
            images.append(image)
            labels.append(label)
            notes.append(f"{CLASSES[label]},\n{note}")
    return np.stack(images), np.stack(labels), notes


def _forward(model: Any, images: np.ndarray, device: Device) -> dict[str, np.ndarray]:
    """Response maps (N, 2, H, W), their maxima (N, 2, 4) and the scores (N, 2)."""
    with no_grad():
        maps = model[0](from_numpy(images).to(device))
        maxima = model[2](model[1](maps))
        scores = model[4](model[3](maxima))
    return {"maps": _numbers(maps), "maxima": _numbers(maxima), "scores": _numbers(scores)}


def _layers(model: Any) -> tuple[Any, Any]:
    return model[0], model[3]


def _numbers(tensor: Any) -> np.ndarray:
    return backend_of(tensor.array).to_numpy(tensor.array)


# --- panels --------------------------------------------------------------------------------------


def _bare(axes: Axes, title: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    if title:
        axes.set_title(title, size=9.5, color=_INK)


def _panel(figure: Figure, left: float, bottom: float, height: float) -> Axes:
    """A square panel."""
    width, whole = figure.get_size_inches()
    return figure.add_axes((left, bottom, height * whole / width, height))


def _drawing(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    _cross(axes, image.shape[0])
    _bare(axes, title)


def _map(axes: Axes, answers: np.ndarray, most: float, title: str) -> None:
    """A response map, with a ring around the largest answer of each quadrant."""
    axes.imshow(answers, cmap=_SIGNED, vmin=-most, vmax=most)
    half = answers.shape[0] // 2
    for top in (0, half):
        for left in (0, half):
            part = answers[top : top + half, left : left + half]
            i, j = np.unravel_index(part.argmax(), part.shape)
            axes.plot(left + j, top + i, "o", mfc="none", mec="black", ms=7, mew=1.2)
    _cross(axes, answers.shape[0])
    _bare(axes, title)


def _cells(axes: Axes, values: np.ndarray, most: float, title: str = "") -> None:
    """Numbers as coloured cells."""
    axes.imshow(values, cmap=_SIGNED, vmin=-1.4 * most, vmax=1.4 * most)
    for (i, j), value in np.ndenumerate(values):
        axes.text(j, i, f"{value:+.1f}", ha="center", va="center", size=9.5, color=_INK)
    _bare(axes, title)


def _cross(axes: Axes, size: int) -> None:
    """The border between the quadrants."""
    axes.axhline(size / 2 - 0.5, color=_GREY, linewidth=0.6)
    axes.axvline(size / 2 - 0.5, color=_GREY, linewidth=0.6)


def _verdict(figure: Figure, x: float, y: float, scores: Sequence[float], label: int) -> None:
    shares = np.exp(scores - np.max(scores))
    shares /= shares.sum()
    said = int(np.argmax(scores))
    right = said == label
    figure.text(
        x, y, f"{CLASSES[said]} ({shares[said]:.0%})" + ("" if right else "\nwrong"),
        size=11, weight="bold", va="center", color=_INK if right else "#cc3311",
    )  # fmt: skip


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
