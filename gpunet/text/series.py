"""Time series in windows, with values of comparable size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["Normalizer", "windows"]


class Normalizer:
    """``(x - mean) / std`` of each column, with mean and standard deviation of training data.

    What is to be forecast must not be known before: `fit` gets the training part alone.

    Attributes
    ----------
    mean, std : float64 array of shape (C,)
        After `fit`. A column that never changes has the std 1.
    """

    mean: np.ndarray
    std: np.ndarray

    def fit(self, values: Any) -> Normalizer:
        """Learn mean and standard deviation of `values`, of shape (T, C) or (T,).

        Raises
        ------
        ValueError
            If there are none, or some are not finite.
        """
        values = np.asarray(values, np.float64)
        if values.ndim not in (1, 2) or not len(values):
            raise ValueError(
                f"Normalizer.fit: values: expected shape (T, C) or (T,), got {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError("Normalizer.fit: values: expected finite numbers")
        self.mean = values.mean(0)
        std = values.std(0)
        self.std = np.where(std > 0, std, 1.0)
        return self

    def transform(self, values: Any) -> np.ndarray:
        """`values` of shape (..., C) in units of the standard deviation, as float32."""
        return ((np.asarray(values) - self.mean) / self.std).astype(np.float32)

    def inverse(self, values: Any, column: int | None = None) -> np.ndarray:
        """Back to the units of the data, as float64.

        Parameters
        ----------
        values : array of shape (..., C), or of any shape with `column`
        column : int, optional
            `values` are those of this column alone.
        """
        if column is None:
            return np.asarray(values, np.float64) * self.std + self.mean
        return np.asarray(values, np.float64) * self.std[column] + self.mean[column]


def windows(values: Any, length: int, horizon: int, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Windows that slide over a time series, and what follows each.

    ``X[n, i] = values[n * step + i]``, ``Y[n, h] = values[n * step + length + h]``.

    Parameters
    ----------
    values : array of shape (T,) or (T, C)
    length : int
        Values in a window.
    horizon : int
        Values that follow.
    step : int
        How far a window is from the one before. Default: 1.

    Returns
    -------
    X : array of shape (N, length) or (N, length, C)
    Y : array of shape (N, horizon) or (N, horizon, C)
        Both are views of the same memory, not to be written to.

    Raises
    ------
    ValueError
        If there is no axis of time, a number is below 1, or the series is shorter than one window
        and what follows it.
    """
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise ValueError(f"windows: values: expected shape (T,) or (T, C), got {values.shape}")
    for name, value in (("length", length), ("horizon", horizon), ("step", step)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"windows: {name}: expected a positive integer, got {value!r}")
    if len(values) < length + horizon:
        raise ValueError(
            f"windows: values: expected at least {length} + {horizon} of them, got {len(values)}"
        )
    both = sliding_window_view(values, length + horizon, axis=0)[::step]
    both = np.moveaxis(both, -1, 1)
    return both[:, :length], both[:, length:]
