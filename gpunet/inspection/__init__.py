"""Looking into a network: how large delta, gradients and updates are, and which units are stuck.

`inspect` takes one batch through a model, forwards and backwards, and returns a `Report`: a table
(``print(report)``), a picture (``report.plot("layers.png")``) and sentences (``report.diagnosis``).
"""

from __future__ import annotations

from .inspecting import inspect
from .report import LayerReport, ParameterReport, Report

__all__ = ["LayerReport", "ParameterReport", "Report", "inspect"]
