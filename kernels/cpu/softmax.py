"""Softmax, its logarithm, and the losses of class labels.

Rows may be as short as ten classes, too few to fill vectors, so the exponentials are taken over
tiles of whole rows that stand in one piece of memory and stay in the cache.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel
from ._math import exp, log

__all__ = [
    "cross_entropy_backward",
    "cross_entropy_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "nll_backward",
    "nll_forward",
    "softmax_backward",
    "softmax_forward",
]

#: Elements of a tile.
TILE = 4096


@inline
def row_max(x):
    """The largest element, in four chains, so that no comparison waits for the one before.

    A NaN is passed over, unless it comes first: it shows in the sum of the exponentials.
    """
    a = b = c = d = x[0]
    stop = x.size - x.size % 4
    for i in range(0, stop, 4):
        p, q, r, s = x[i], x[i + 1], x[i + 2], x[i + 3]
        a = p if p > a else a
        b = q if q > b else b
        c = r if r > c else c
        d = s if s > d else d
    for i in range(stop, x.size):
        a = x[i] if x[i] > a else a
    a = a if a > b else b
    c = c if c > d else d
    return a if a > c else c


@inline
def exp_all(block):
    """Replace every element of a C-contiguous matrix by its exponential."""
    flat = block.reshape(block.size)
    for i in range(flat.size):
        flat[i] = exp(flat[i])


@inline
def row_sum(x):
    total = x.dtype.type(0)
    for c in range(x.size):
        total += x[c]
    return total


@kernel
def softmax_forward(X, Y):
    M, C = X.shape
    if X.size == 0:
        return
    one = X.dtype.type(1)
    tile = max(1, TILE // C)
    for start in range(0, M, tile):
        block = Y[start : start + tile]
        for m in range(block.shape[0]):
            x = X[start + m]
            y = block[m]
            top = row_max(x)
            for c in range(C):
                y[c] = x[c] - top
        exp_all(block)
        for m in range(block.shape[0]):
            y = block[m]
            scale = one / row_sum(y)
            for c in range(C):
                y[c] *= scale


@kernel
def softmax_backward(dY, Y, dX):
    M, C = dY.shape
    for m in range(M):
        dy = dY[m]
        y = Y[m]
        dx = dX[m]
        inner = dY.dtype.type(0)
        for c in range(C):
            inner += dy[c] * y[c]
        for c in range(C):
            dx[c] = y[c] * (dy[c] - inner)


@kernel
def log_softmax_forward(X, Y):
    M, C = X.shape
    if X.size == 0:
        return
    tile = max(1, TILE // C)
    scratch = np.empty((min(tile, M), C), X.dtype)
    logs = np.empty(min(tile, M), X.dtype)
    for start in range(0, M, tile):
        block = scratch[: min(tile, M - start)]
        for m in range(block.shape[0]):
            x = X[start + m]
            y = Y[start + m]
            e = block[m]
            top = row_max(x)
            for c in range(C):
                z = x[c] - top
                y[c] = z
                e[c] = z
        exp_all(block)
        for m in range(block.shape[0]):
            logs[m] = row_sum(block[m])
        for m in range(logs.size):
            logs[m] = log(logs[m])
        for m in range(block.shape[0]):
            y = Y[start + m]
            shift = logs[m]
            for c in range(C):
                y[c] -= shift


@kernel
def log_softmax_backward(dY, Y, dX):
    M, C = dY.shape
    if dY.size == 0:
        return
    tile = max(1, TILE // C)
    scratch = np.empty((min(tile, M), C), dY.dtype)
    for start in range(0, M, tile):
        block = scratch[: min(tile, M - start)]
        block[:] = Y[start : start + tile]
        exp_all(block)
        for m in range(block.shape[0]):
            dy = dY[start + m]
            dx = dX[start + m]
            e = block[m]
            total = row_sum(dy)
            for c in range(C):
                dx[c] = dy[c] - e[c] * total


@kernel
def cross_entropy_forward(X, labels, weight, ignore_index, smoothing, rows, total):
    M, C = X.shape
    one = X.dtype.type(1)
    tile = max(1, TILE // C)
    scratch = np.empty((min(tile, M), C), X.dtype)
    highs, inverses, losses = rows[0], rows[1], rows[2]
    for start in range(0, M, tile):
        block = scratch[: min(tile, M - start)]
        for m in range(block.shape[0]):
            x = X[start + m]
            e = block[m]
            top = row_max(x)
            highs[start + m] = top
            for c in range(C):
                e[c] = x[c] - top
        exp_all(block)
        for m in range(block.shape[0]):
            inverses[start + m] = row_sum(block[m])
    for m in range(M):
        losses[m] = log(inverses[m])
        inverses[m] = one / inverses[m]
    at_label = X.dtype.type(1 - smoothing)
    spread = X.dtype.type(smoothing / C)
    loss_sum = 0.0
    weight_sum = 0.0
    for m in range(M):
        y = labels[m]
        if y == ignore_index:
            losses[m] = 0
            continue
        if y < 0 or y >= C:
            raise IndexError(m)
        w = one if weight is None else weight[y]
        # log sum_c exp(X[m, c]), which may be too large to hold the sum's own digits, minus x.
        logarithm = losses[m]
        top = highs[m]
        x = X[m]
        loss = w * (logarithm - (x[y] - top))
        if smoothing != 0:
            evenly = X.dtype.type(0)
            for c in range(C):
                v = logarithm - (x[c] - top)
                evenly += v if weight is None else v * weight[c]
            loss = at_label * loss + spread * evenly
        losses[m] = loss
        loss_sum += loss
        weight_sum += w
    total[0] = loss_sum
    total[1] = weight_sum
    total[2] = loss_sum / weight_sum


@kernel
def cross_entropy_backward(
    X, labels, weight, ignore_index, smoothing, rows, total, dloss, mean, dX
):
    M, C = X.shape
    zero = X.dtype.type(0)
    one = X.dtype.type(1)
    at_label = X.dtype.type(1 - smoothing)
    spread = X.dtype.type(smoothing / C)
    weights = X.dtype.type(C)
    if weight is not None:
        weights = row_sum(weight)
    highs, inverses = rows[0], rows[1]
    scale = one / total[1] if mean else one
    tile = max(1, TILE // C)
    for start in range(0, M, tile):
        block = dX[start : start + tile]
        for m in range(block.shape[0]):
            x = X[start + m]
            dx = block[m]
            top = highs[start + m]
            for c in range(C):
                dx[c] = x[c] - top
        exp_all(block)
        for m in range(block.shape[0]):
            dx = block[m]
            y = labels[start + m]
            if y == ignore_index:
                for c in range(C):
                    dx[c] = zero
                continue
            g = scale * (dloss[0] if dloss.size == 1 else dloss[start + m])
            t = at_label * (one if weight is None else weight[y])
            p = g * inverses[start + m] * (t + spread * weights)
            if smoothing == 0:
                for c in range(C):
                    dx[c] *= p
            elif weight is None:
                for c in range(C):
                    dx[c] = p * dx[c] - g * spread
            else:
                for c in range(C):
                    dx[c] = p * dx[c] - g * spread * weight[c]
            dx[y] -= g * t


@kernel
def nll_forward(X, labels, weight, ignore_index, losses, total):
    M, C = X.shape
    one = X.dtype.type(1)
    loss_sum = 0.0
    weight_sum = 0.0
    for m in range(M):
        y = labels[m]
        if y == ignore_index:
            losses[m] = 0
            continue
        if y < 0 or y >= C:
            raise IndexError(m)
        w = one if weight is None else weight[y]
        loss = -w * X[m, y]
        losses[m] = loss
        loss_sum += loss
        weight_sum += w
    total[0] = loss_sum
    total[1] = weight_sum
    total[2] = loss_sum / weight_sum


@kernel
def nll_backward(labels, weight, ignore_index, total, dloss, mean, dX):
    M = dX.shape[0]
    one = dX.dtype.type(1)
    scale = one / total[1] if mean else one
    dX[:] = 0
    for m in range(M):
        y = labels[m]
        if y != ignore_index:
            g = scale * (dloss[0] if dloss.size == 1 else dloss[m])
            dX[m, y] = -g * (one if weight is None else weight[y])
