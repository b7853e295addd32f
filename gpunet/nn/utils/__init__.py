"""Helpers for parameters, as ``torch.nn.utils``."""

from __future__ import annotations

from .vector import parameters_to_vector, vector_to_parameters

__all__ = ["parameters_to_vector", "vector_to_parameters"]
