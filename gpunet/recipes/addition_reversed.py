"""`addition` with the question read from its end."""

from __future__ import annotations

from .addition import Addition

__all__ = ["RECIPE"]

RECIPE = Addition(reverse=True)
