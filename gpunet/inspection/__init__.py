"""Looking into a network: how large delta, gradients and updates are, and which units are stuck.

`inspect` takes one batch through a model, forwards and backwards, and returns a `Report`: a table
(``print(report)``), a picture (``report.plot("layers.png")``) and sentences (``report.diagnosis``).

`follow_image` takes one image through a convolutional network and returns an `ImageReport`:
pictures of the filters, and of the feature maps and the deltas of each convolution.

`follow_time` runs a recurrent layer step by step and returns a `TimeReport`: a picture of its
hidden state, and of the error as it flows back through time.
"""

from __future__ import annotations

from .inspecting import inspect
from .one_image import ImageReport, Maps, follow_image
from .report import LayerReport, ParameterReport, Report
from .through_time import TimeReport, follow_time

__all__ = [
    "ImageReport",
    "LayerReport",
    "Maps",
    "ParameterReport",
    "Report",
    "TimeReport",
    "follow_image",
    "follow_time",
    "inspect",
]
