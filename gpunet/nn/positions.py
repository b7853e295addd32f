"""Where in a sequence a token stands, for networks that do not see the order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..functions.data import tensor
from .dropout import Dropout
from .module import Module

__all__ = ["SinusoidalPositions", "sinusoids"]


def sinusoids(length: int, features: int) -> np.ndarray:
    """The table of `SinusoidalPositions`, of shape (length, features), in float64."""
    rates = 10000.0 ** (-np.arange(0, features, 2) / features)
    angles = np.arange(length)[:, None] * rates
    table = np.empty((length, features))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : features // 2])
    return table


class SinusoidalPositions(Module):
    """``Y[l] = dropout(X[l] + p[l])`` with waves from short to long::

        p[l, 2i] = sin(l / 10000^(2i / d_model)),   p[l, 2i + 1] = cos(l / 10000^(2i / d_model))

    Parameters
    ----------
    d_model : int
        Features.
    max_len : int
        The longest sequence. Default: 5000.
    dropout : float
        Default: 0.
    batch_first : bool
        Whether input has shape (N, L, d_model) rather than (L, N, d_model). Input of shape
        (L, d_model) is one sequence either way. Default: False.
    device, dtype : optional
        Of the table, a buffer that is not saved.

    Source: Vaswani et al., Attention Is All You Need, 2017, section 3.5.
    """

    table: Any

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.batch_first = batch_first
        self.dropout = Dropout(dropout)
        table = sinusoids(max_len, d_model).astype(np.float32 if dtype is None else dtype)
        self.register_buffer("table", tensor(table, device=device), persistent=False)

    def forward(self, input: Any, start: int = 0) -> Any:
        """`input` with its positions added, of which the first one is `start`.

        Raises
        ------
        RuntimeError
            If the sequence ends behind `max_len`, or has other features.
        """
        shape = input.array.shape
        most, features = self.table.array.shape
        along = 0 if len(shape) == 2 else int(self.batch_first)
        if len(shape) not in (2, 3) or shape[-1] != features or shape[along] + start > most:
            raise RuntimeError(
                f"SinusoidalPositions: expected sequences of {features} features that end before "
                f"position {most}, got shape {shape} from position {start}"
            )
        rows = self.table[start : start + shape[along]]
        if len(shape) == 3 and not self.batch_first:
            rows = rows.unsqueeze(1)
        return self.dropout(input + rows)
