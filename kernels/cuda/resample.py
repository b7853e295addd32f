"""Launch of resample.cu."""

from __future__ import annotations

from typing import Any

from .launch import BLOCK, Source, blocks_for

__all__ = ["resample"]

SOURCE = Source("resample.cu")


def resample(X: Any, places: Any, weights: Any, Y: Any) -> None:
    size = Y.size
    if size:
        _, rows, K = X.shape
        SOURCE(
            "resample", X.dtype, blocks_for(size), BLOCK,
            X, places, weights, size, rows, K, *places.shape, Y,
        )  # fmt: skip
