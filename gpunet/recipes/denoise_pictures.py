"""Before and after, of the recipe `denoise`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..autograd import no_grad
from ..backend import backend_of
from ..io import replacing
from .denoise import SIGMA
from .run import Run

__all__ = ["draw_before_and_after"]

_NUMBER = 8


def draw_before_and_after(run: Run, path: Path) -> None:
    """The first held-out images: clean, with noise, denoised, and the noise that was taken out."""
    from matplotlib.figure import Figure

    clean, given = run.held_out.dataset[:_NUMBER]
    with no_grad():
        output = run.module.eval()(given.to(run.device))
    arrays = [backend_of(x.array).to_numpy(x.array) for x in (clean, given, output)]
    original, noisy, denoised = (array.transpose(0, 2, 3, 1) for array in arrays)
    rows = (
        ("clean", original, None),
        (f"with noise,\nsigma {SIGMA * 255:.0f}", noisy, noisy),
        ("denoised", denoised, denoised),
        ("what was\ntaken out", 0.5 + noisy - denoised, None),
    )
    figure = Figure(figsize=(1.3 + 1.45 * len(original), 6.9), facecolor="white")
    grid = figure.subplots(len(rows), len(original), squeeze=False)
    figure.subplots_adjust(0.1, 0.01, 0.995, 0.9, wspace=0.06, hspace=0.16)
    for panels, (name, images, measured) in zip(grid, rows):
        panels[0].text(
            -0.12, 0.5, name, transform=panels[0].transAxes, ha="right", va="center", size=10
        )
        for n, (panel, image) in enumerate(zip(panels, images)):
            panel.imshow(image.clip(0, 1), interpolation="nearest")
            panel.set_axis_off()
            if measured is not None:
                panel.set_title(f"{_psnr(measured[n], original[n]):.1f} dB", size=9, pad=2)
    figure.text(
        0.01, 0.945, "Images that the network has not seen, and their peak signal-to-noise ratios",
        size=12, weight="bold",
    )  # fmt: skip
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)


def _psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - clean) ** 2)))
