"""Looking into a network: how large delta, gradients and updates are, and which units are stuck.

`inspect` takes one batch through a model, forwards and backwards, and returns a `Report`: a table
(``print(report)``), a picture (``report.plot("layers.png")``) and sentences (``report.diagnosis``).

`follow_image` takes one image through a convolutional network and returns an `ImageReport`:
pictures of the filters, and of the feature maps and the deltas of each convolution.
"""

from __future__ import annotations

from .inspecting import inspect
from .one_image import ImageReport, Maps, follow_image
from .report import LayerReport, ParameterReport, Report

__all__ = [
    "ImageReport",
    "LayerReport",
    "Maps",
    "ParameterReport",
    "Report",
    "follow_image",
    "inspect",
]
