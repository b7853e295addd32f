"""Activations in one pass over the elements, in place of NumPy's pass for every operation."""

from __future__ import annotations

import math

from ._compile import kernel
from ._math import erf, exp, expm1, sigmoid, softplus, tanh

__all__ = ["activation_backward", "activation_forward", "bias_act_backward", "bias_act_forward"]


@kernel
def bias_act_forward(Z, b, act, Y):
    M, N = Z.shape
    zero = Z.dtype.type(0)
    if act == 0:
        for m in range(M):
            for n in range(N):
                Y[m, n] = Z[m, n] + b[n]
    elif act == 1:
        for m in range(M):
            for n in range(N):
                z = Z[m, n] + b[n]
                # Not max(z, 0), which would lose a NaN.
                Y[m, n] = zero if z < zero else z
    elif act == 2:
        for m in range(M):
            for n in range(N):
                Y[m, n] = sigmoid(Z[m, n] + b[n])
    else:
        for m in range(M):
            for n in range(N):
                Y[m, n] = tanh(Z[m, n] + b[n])


@kernel
def bias_act_backward(dY, Y, act, dZ, db):
    M, N = dY.shape
    zero = dY.dtype.type(0)
    one = dY.dtype.type(1)
    db[:] = zero
    for m in range(M):
        if act == 0:
            for n in range(N):
                d = dY[m, n]
                dZ[m, n] = d
                db[n] += d
        elif act == 1:
            for n in range(N):
                d = dY[m, n] if Y[m, n] > zero else zero
                dZ[m, n] = d
                db[n] += d
        elif act == 2:
            for n in range(N):
                y = Y[m, n]
                d = dY[m, n] * (y * (one - y))
                dZ[m, n] = d
                db[n] += d
        else:
            for n in range(N):
                y = Y[m, n]
                d = dY[m, n] * (one - y * y)
                dZ[m, n] = d
                db[n] += d


SQRT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)
C = math.sqrt(2 / math.pi)
C3 = C * 0.044715


# One loop for each activation, so that each becomes SIMD code of its own.
@kernel
def activation_forward(X, act, a, b, Y):
    real = X.dtype.type
    zero, one, half = real(0), real(1), real(0.5)
    a, b = real(a), real(b)
    n = X.size
    if act == 1:
        for i in range(n):
            x = X[i]
            Y[i] = zero if x < zero else x
    elif act == 2:
        for i in range(n):
            Y[i] = sigmoid(X[i])
    elif act == 3:
        for i in range(n):
            Y[i] = tanh(X[i])
    elif act == 4:
        for i in range(n):
            x = X[i]
            Y[i] = x if x > zero else x * a
    elif act == 5:
        for i in range(n):
            x = X[i]
            Y[i] = x if x > zero else a * expm1(x)
    elif act == 6:
        c = real(SQRT_HALF)
        for i in range(n):
            x = X[i]
            Y[i] = x * (half + half * erf(x * c))
    elif act == 7:
        c, c3 = real(C), real(C3)
        for i in range(n):
            x = X[i]
            Y[i] = x * (half + half * tanh(x * (c + c3 * x * x)))
    elif act == 8:
        for i in range(n):
            x = X[i]
            Y[i] = x * sigmoid(x)
    elif act == 9:
        for i in range(n):
            x = X[i]
            Y[i] = x if x * a > b else softplus(x * a) / a
    elif act == 10:
        for i in range(n):
            x = X[i]
            x = a if x < a else x
            Y[i] = b if x > b else x
    elif act == 11:
        for i in range(n):
            x = X[i]
            Y[i] = x * tanh(softplus(x))
    else:
        for i in range(n):
            x = X[i]
            Y[i] = x / (one + abs(x))


@kernel
def activation_backward(dY, S, act, a, b, dX):
    real = dY.dtype.type
    zero, one, half = real(0), real(1), real(0.5)
    a, b = real(a), real(b)
    n = dY.size
    if act == 1:
        for i in range(n):
            dX[i] = dY[i] if S[i] > zero else zero
    elif act == 2:
        for i in range(n):
            y = S[i]
            dX[i] = dY[i] * (y * (one - y))
    elif act == 3:
        for i in range(n):
            y = S[i]
            dX[i] = dY[i] * (one - y * y)
    elif act == 4:
        for i in range(n):
            dX[i] = dY[i] * (one if S[i] > zero else a)
    elif act == 5:
        for i in range(n):
            x = S[i]
            dX[i] = dY[i] * (one if x > zero else a * exp(x))
    elif act == 6:
        c, density = real(SQRT_HALF), real(DENSITY)
        for i in range(n):
            x = S[i]
            slope = half + half * erf(x * c) + x * (density * exp(-half * x * x))
            dX[i] = dY[i] * slope
    elif act == 7:
        c, c3 = real(C), real(C3)
        three = real(3)
        for i in range(n):
            x = S[i]
            t = tanh(x * (c + c3 * x * x))
            inner = c + three * c3 * x * x
            dX[i] = dY[i] * (half + half * t + half * x * (one - t * t) * inner)
    elif act == 8:
        for i in range(n):
            x = S[i]
            s = sigmoid(x)
            dX[i] = dY[i] * (s * (one + x * (one - s)))
    elif act == 9:
        for i in range(n):
            x = S[i] * a
            dX[i] = dY[i] * (one if x > b else sigmoid(x))
    elif act == 10:
        for i in range(n):
            x = S[i]
            dX[i] = zero if (x <= a) | (x >= b) else dY[i]
    elif act == 11:
        for i in range(n):
            x = S[i]
            t = tanh(softplus(x))
            dX[i] = dY[i] * (t + x * (one - t * t) * sigmoid(x))
    else:
        for i in range(n):
            bottom = one + abs(S[i])
            dX[i] = dY[i] / (bottom * bottom)
