"""Dropout as a module."""

from __future__ import annotations

from typing import Any

from .functional.dropout import check_probability, dropout
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training each element is zero with probability `p`, and otherwise times ``1 / (1 - p)``.

    After ``eval()`` the input itself. See `gpunet.nn.functional.dropout`.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
