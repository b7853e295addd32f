"""Philox4x32-10: eight blocks at a time in SIMD registers, in place of an array for each step."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._compile import exact_kernel
from ._math import log, sincos_of_turn

__all__ = ["philox_bits", "philox_integers", "philox_normal", "philox_uniform"]

U64 = np.uint64
M0, M1 = U64(0xD2511F53), U64(0xCD9E8D57)
W0, W1 = U64(0x9E3779B9), U64(0xBB67AE85)
LOW = U64(0xFFFFFFFF)
ONE = U64(1)
N5, N6, N8, N26, N32 = U64(5), U64(6), U64(8), U64(26), U64(32)


@njit(forceinline=True)
def philox(number, stream, seed):
    """The four words of block `number`. All values are uint64."""
    x0, x1 = number & LOW, number >> N32
    x2, x3 = stream & LOW, stream >> N32
    k0, k1 = seed & LOW, seed >> N32
    for _ in range(10):
        p0 = M0 * x0
        p1 = M1 * x2
        x0 = (p1 >> N32) ^ x1 ^ k0
        x1 = p1 & LOW
        x2 = (p0 >> N32) ^ x3 ^ k1
        x3 = p0 & LOW
        k0 = (k0 + W0) & LOW
        k1 = (k1 + W1) & LOW
    return x0, x1, x2, x3


@njit(forceinline=True)
def start(state, offset):
    """Seed, stream and number of the first block of a call."""
    return U64(state[0]), U64(state[1]), U64(state[2]) + U64(offset)


@exact_kernel
def philox_bits(out, state, offset):
    n = out.size
    seed, stream, first = start(state, offset)
    for j in range(n // 4):
        a, b, c, d = philox(first + U64(j), stream, seed)
        out[4 * j] = a
        out[4 * j + 1] = b
        out[4 * j + 2] = c
        out[4 * j + 3] = d
    words = philox(first + U64(n // 4), stream, seed)
    for k in range(n % 4):
        out[n - n % 4 + k] = words[k]


@njit(forceinline=True)
def fraction(first, second):
    """53 bits of two words as a number in [0, 1)."""
    return np.float64(np.int64(((first >> N5) << N26) | (second >> N6))) * 2.0**-53


@njit(forceinline=True)
def uniform24(word):
    return np.float64(np.int64(word >> N8)) * 2.0**-24


@exact_kernel
def philox_uniform(out, low, high, state, offset):
    n = out.size
    width = float(high) - float(low)
    seed, stream, first = start(state, offset)
    if out.itemsize == 4:
        for j in range(n // 4):
            a, b, c, d = philox(first + U64(j), stream, seed)
            out[4 * j] = low + uniform24(a) * width
            out[4 * j + 1] = low + uniform24(b) * width
            out[4 * j + 2] = low + uniform24(c) * width
            out[4 * j + 3] = low + uniform24(d) * width
        words = philox(first + U64(n // 4), stream, seed)
        for k in range(n % 4):
            out[n - n % 4 + k] = low + uniform24(words[k]) * width
    else:
        for j in range(n // 2):
            a, b, c, d = philox(first + U64(j), stream, seed)
            out[2 * j] = low + fraction(a, b) * width
            out[2 * j + 1] = low + fraction(c, d) * width
        if n % 2:
            a, b, c, d = philox(first + U64(n // 2), stream, seed)
            out[n - 1] = low + fraction(a, b) * width


@njit(forceinline=True)
def box_muller(rest, v):
    """Two normal numbers from two uniform ones; `rest` in (0, 1]."""
    radius = np.sqrt(-2.0 * log(rest))
    sine, cosine = sincos_of_turn(v)
    return radius * cosine, radius * sine


@njit(forceinline=True)
def four_normals(a, b, c, d):
    unit = 2.0**-32
    z0, z1 = box_muller(np.float64(np.int64(a + ONE)) * unit, np.float64(np.int64(b)) * unit)
    z2, z3 = box_muller(np.float64(np.int64(c + ONE)) * unit, np.float64(np.int64(d)) * unit)
    return z0, z1, z2, z3


@exact_kernel
def philox_normal(out, mean, std, state, offset):
    n = out.size
    seed, stream, first = start(state, offset)
    if out.itemsize == 4:
        for j in range(n // 4):
            a, b, c, d = philox(first + U64(j), stream, seed)
            z0, z1, z2, z3 = four_normals(a, b, c, d)
            out[4 * j] = mean + std * z0
            out[4 * j + 1] = mean + std * z1
            out[4 * j + 2] = mean + std * z2
            out[4 * j + 3] = mean + std * z3
        a, b, c, d = philox(first + U64(n // 4), stream, seed)
        z = four_normals(a, b, c, d)
        for k in range(n % 4):
            out[n - n % 4 + k] = mean + std * z[k]
    else:
        for j in range(n // 2):
            a, b, c, d = philox(first + U64(j), stream, seed)
            z0, z1 = box_muller(1.0 - fraction(a, b), fraction(c, d))
            out[2 * j] = mean + std * z0
            out[2 * j + 1] = mean + std * z1
        if n % 2:
            a, b, c, d = philox(first + U64(n // 2), stream, seed)
            z0, z1 = box_muller(1.0 - fraction(a, b), fraction(c, d))
            out[n - 1] = mean + std * z0


@njit(forceinline=True)
def scaled(first, second, high_part, low_part):
    """The upper 64 bits of the product of two 64-bit numbers, each in two words."""
    middle = first * low_part + ((second * low_part) >> N32)
    other = second * high_part + (middle & LOW)
    return np.int64(first * high_part + (middle >> N32) + (other >> N32))


@exact_kernel
def philox_integers(out, low, high, state, offset):
    n = out.size
    width = U64(high) - U64(low)
    high_part, low_part = width >> N32, width & LOW
    seed, stream, first = start(state, offset)
    for j in range(n // 2):
        a, b, c, d = philox(first + U64(j), stream, seed)
        out[2 * j] = low + scaled(a, b, high_part, low_part)
        out[2 * j + 1] = low + scaled(c, d, high_part, low_part)
    if n % 2:
        a, b, c, d = philox(first + U64(n // 2), stream, seed)
        out[n - 1] = low + scaled(a, b, high_part, low_part)
