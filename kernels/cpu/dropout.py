"""Dropout: draws and scales in one pass."""

from __future__ import annotations

import numpy as np

from ._compile import kernel
from .random import U64, philox, start

__all__ = ["dropout"]


@kernel
def dropout(X, p, state, offset, Y):
    n = X.size
    real = X.dtype.type
    threshold = U64(np.round(p * 4294967296.0))
    scale = real(1.0 / (1.0 - p) if p < 1.0 else 0.0)
    zero = real(0)
    seed, stream, first = start(state, offset)
    for j in range(n // 4):
        a, b, c, d = philox(first + U64(j), stream, seed)
        i = 4 * j
        Y[i] = X[i] * scale if a >= threshold else zero
        Y[i + 1] = X[i + 1] * scale if b >= threshold else zero
        Y[i + 2] = X[i + 2] * scale if c >= threshold else zero
        Y[i + 3] = X[i + 3] * scale if d >= threshold else zero
    words = philox(first + U64(n // 4), stream, seed)
    for k in range(n % 4):
        i = n - n % 4 + k
        Y[i] = X[i] * scale if words[k] >= threshold else zero
