"""Layer, RMS and batch normalisation.

Sums along a column run over blocks of rows in the arrays' own precision, with the blocks' sums
added in double: fast as the one, and accurate as the other for any number of rows.
"""

from __future__ import annotations

import numpy as np

from ._compile import inline, kernel

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_infer",
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


@kernel
def batch_norm_forward(
    X, weight, bias, running_mean, running_var, count, momentum, eps, Y, mean, rstd
):
    M, C = X.shape
    one = X.dtype.type(1)
    part = np.zeros(C, X.dtype)
    total = np.zeros(C, np.float64)
    for start in range(0, M, BLOCK):
        for m in range(start, min(start + BLOCK, M)):
            x = X[m]
            for c in range(C):
                part[c] += x[c]
        add_to(total, part)
    for c in range(C):
        mean[c] = total[c] / M
        total[c] = 0
    for start in range(0, M, BLOCK):
        for m in range(start, min(start + BLOCK, M)):
            x = X[m]
            for c in range(C):
                z = x[c] - mean[c]
                part[c] += z * z
        add_to(total, part)
    for c in range(C):
        total[c] /= M
        rstd[c] = 1 / np.sqrt(total[c] + eps)
    scale = part
    for c in range(C):
        scale[c] = rstd[c] if weight is None else rstd[c] * weight[c]
    for m in range(M):
        x = X[m]
        y = Y[m]
        for c in range(C):
            z = (x[c] - mean[c]) * scale[c]
            y[c] = z if bias is None else z + bias[c]
    if count is not None:
        count[()] += 1
        if momentum < 0:
            momentum = 1 / count[()]
    if running_mean is not None:
        factor = X.dtype.type(momentum)
        unbiased = M / (M - 1)
        for c in range(C):
            running_mean[c] = (one - factor) * running_mean[c] + factor * mean[c]
            var = X.dtype.type(total[c] * unbiased)
            running_var[c] = (one - factor) * running_var[c] + factor * var


@kernel
def batch_norm_infer(X, weight, bias, mean, var, eps, Y):
    M, C = X.shape
    one = X.dtype.type(1)
    scale = np.empty(C, X.dtype)
    for c in range(C):
        scale[c] = one / np.sqrt(var[c] + X.dtype.type(eps))
        if weight is not None:
            scale[c] *= weight[c]
    for m in range(M):
        x = X[m]
        y = Y[m]
        for c in range(C):
            z = (x[c] - mean[c]) * scale[c]
            y[c] = z if bias is None else z + bias[c]


@kernel
def batch_norm_backward(dY, X, weight, mean, rstd, training, dX, dweight, dbias):
    M, C = dY.shape
    part_w = np.zeros(C, dY.dtype)
    part_b = np.zeros(C, dY.dtype)
    total_w = np.zeros(C, np.float64)
    total_b = np.zeros(C, np.float64)
    for start in range(0, M, BLOCK):
        for m in range(start, min(start + BLOCK, M)):
            dy = dY[m]
            x = X[m]
            for c in range(C):
                part_w[c] += dy[c] * (x[c] - mean[c])
                part_b[c] += dy[c]
        add_to(total_w, part_w)
        add_to(total_b, part_b)
    scale = np.empty(C, dY.dtype)
    for c in range(C):
        total_w[c] *= rstd[c]
        dweight[c] = total_w[c]
        dbias[c] = total_b[c]
        scale[c] = rstd[c] if weight is None else rstd[c] * weight[c]
        # Per column, what stands before X - mean, and what is subtracted.
        part_w[c] = total_w[c] / M * rstd[c]
        part_b[c] = total_b[c] / M
    for m in range(M):
        dy = dY[m]
        x = X[m]
        dx = dX[m]
        if training:
            for c in range(C):
                dx[c] = scale[c] * (dy[c] - part_b[c] - (x[c] - mean[c]) * part_w[c])
        else:
            for c in range(C):
                dx[c] = scale[c] * dy[c]
