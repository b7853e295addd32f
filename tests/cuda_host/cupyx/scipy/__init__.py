"""``cupyx.scipy`` of the stand-in."""

from . import special

__all__ = ["special"]
