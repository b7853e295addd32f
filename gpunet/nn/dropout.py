"""Dropout as modules."""

from __future__ import annotations

from typing import Any

from .functional.dropout import (
    alpha_dropout,
    check_probability,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from .module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    _function: Any = None

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training each element is zero with probability `p`, and otherwise times ``1 / (1 - p)``.

    After ``eval()`` the input itself. See `gpunet.nn.functional.dropout`.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    """

    _function = staticmethod(dropout)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels: input of shape (N, C, L) or (C, L)."""

    _function = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels: input of shape (N, C, H, W)."""

    _function = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """`Dropout` of whole channels: input of shape (N, C, D, H, W) or (C, D, H, W)."""

    _function = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1; see `gpunet.nn.functional.alpha_dropout`."""

    _function = staticmethod(alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: input of shape (N, C, ...)."""

    _function = staticmethod(feature_alpha_dropout)
