"""Layer and RMS normalisation.

Sums along a column run over blocks of rows in the arrays' own precision, with the blocks' sums
added in double: fast as the one, and accurate as the other for any number of rows.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel

__all__ = [
    "layer_norm_backward",
    "layer_norm_forward",
    "rms_norm_backward",
    "rms_norm_forward",
]

#: Rows whose contributions to a column are summed in the arrays' own precision.
BLOCK = 64


@inline
def add_to(total, part):
    """Add the block's sums to the totals and clear them."""
    for c in range(total.size):
        total[c] += part[c]
        part[c] = 0


@kernel
def layer_norm_forward(X, weight, bias, eps, Y, mean, rstd):
    M, D = X.shape
    one = X.dtype.type(1)
    per_element = one / X.dtype.type(D)
    for m in range(M):
        x = X[m]
        y = Y[m]
        total = X.dtype.type(0)
        for d in range(D):
            total += x[d]
        center = total * per_element
        squares = X.dtype.type(0)
        for d in range(D):
            z = x[d] - center
            squares += z * z
        scale = one / np.sqrt(squares * per_element + X.dtype.type(eps))
        mean[m] = center
        rstd[m] = scale
        for d in range(D):
            z = (x[d] - center) * scale
            if weight is not None:
                z *= weight[d]
            if bias is not None:
                z += bias[d]
            y[d] = z


@kernel
def layer_norm_backward(dY, X, mean, rstd, weight, dX, dweight, dbias):
    M, D = dY.shape
    per_element = dY.dtype.type(1) / dY.dtype.type(D)
    part_w = np.zeros(D, dY.dtype)
    part_b = np.zeros(D, dY.dtype)
    total_w = np.zeros(D, np.float64)
    total_b = np.zeros(D, np.float64)
    for start in range(0, M, BLOCK):
        for m in range(start, min(start + BLOCK, M)):
            dy = dY[m]
            x = X[m]
            dx = dX[m]
            center = mean[m]
            scale = rstd[m]
            g_sum = dY.dtype.type(0)
            gx_sum = dY.dtype.type(0)
            for d in range(D):
                g = dy[d] if weight is None else dy[d] * weight[d]
                g_sum += g
                gx_sum += g * ((x[d] - center) * scale)
            g_sum *= per_element
            gx_sum *= per_element
            for d in range(D):
                g = dy[d] if weight is None else dy[d] * weight[d]
                dx[d] = scale * (g - g_sum - (x[d] - center) * scale * gx_sum)
            if dweight is not None:
                for d in range(D):
                    part_w[d] += dy[d] * ((x[d] - center) * scale)
            if dbias is not None:
                for d in range(D):
                    part_b[d] += dy[d]
        add_to(total_w, part_w)
        add_to(total_b, part_b)
    if dweight is not None:
        dweight[:] = total_w
    if dbias is not None:
        dbias[:] = total_b


@kernel
def rms_norm_forward(X, weight, eps, Y, rrms):
    M, D = X.shape
    one = X.dtype.type(1)
    per_element = one / X.dtype.type(D)
    for m in range(M):
        x = X[m]
        y = Y[m]
        squares = X.dtype.type(0)
        for d in range(D):
            squares += x[d] * x[d]
        scale = one / np.sqrt(squares * per_element + X.dtype.type(eps))
        rrms[m] = scale
        for d in range(D):
            y[d] = x[d] * scale if weight is None else x[d] * scale * weight[d]


@kernel
def rms_norm_backward(dY, X, rrms, weight, dX, dweight):
    M, D = dY.shape
    per_element = dY.dtype.type(1) / dY.dtype.type(D)
    part = np.zeros(D, dY.dtype)
    total = np.zeros(D, np.float64)
    for start in range(0, M, BLOCK):
        for m in range(start, min(start + BLOCK, M)):
            dy = dY[m]
            x = X[m]
            dx = dX[m]
            scale = rrms[m]
            gx_sum = dY.dtype.type(0)
            for d in range(D):
                g = dy[d] if weight is None else dy[d] * weight[d]
                gx_sum += g * (x[d] * scale)
            gx_sum *= per_element
            for d in range(D):
                g = dy[d] if weight is None else dy[d] * weight[d]
                dx[d] = scale * (g - x[d] * scale * gx_sum)
            if dweight is not None:
                for d in range(D):
                    part[d] += dy[d] * (x[d] * scale)
        add_to(total, part)
    if dweight is not None:
        dweight[:] = total
