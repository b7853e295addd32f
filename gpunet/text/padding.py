"""Sequences of different lengths in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["mask_of", "padded"]


def padded(
    sequences: Sequence[Any], padding: float = 0, length: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences as rows of one array, filled up at their ends.

    Parameters
    ----------
    sequences : sequence of arrays or lists of numbers
        Of lengths l[n]; the first tells the dtype.
    padding : number
        What the rows are filled up with. Default: 0.
    length : int, optional
        L; what is longer is cut. Default: the longest's.

    Returns
    -------
    array of shape (N, L)
    lengths : int64 array of shape (N,)
        l[n], L at most.

    Raises
    ------
    ValueError
        If there are no sequences, one has several axes, or `length` is negative.
    """
    if not len(sequences):
        raise ValueError("padded: sequences: expected at least one, got none")
    arrays = [np.asarray(sequence) for sequence in sequences]
    for n, array in enumerate(arrays):
        if array.ndim != 1:
            raise ValueError(
                f"padded: sequences: expected one axis, but sequence {n} has shape {array.shape}"
            )
    lengths = np.array([len(array) for array in arrays], np.int64)
    if length is not None:
        if length < 0:
            raise ValueError(f"padded: length: expected 0 or more, got {length}")
        lengths = np.minimum(lengths, length)
    result = np.full((len(arrays), lengths.max() if length is None else length), padding,
                     arrays[0].dtype)  # fmt: skip
    for row, array, size in zip(result, arrays, lengths.tolist()):
        row[:size] = array[:size]
    return result, lengths


def mask_of(lengths: Any, length: int | None = None) -> np.ndarray:
    """``mask[n, t] = t < lengths[n]``: where the sequences are, and where they are filled up.

    Parameters
    ----------
    lengths : array of integers of shape (N,)
    length : int, optional
        L. Default: the largest of `lengths`.

    Returns
    -------
    bool array of shape (N, L)
    """
    lengths = np.asarray(lengths)
    if length is None:
        length = int(lengths.max(initial=0))
    mask: np.ndarray = np.arange(length) < lengths[:, None]
    return mask
