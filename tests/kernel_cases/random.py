from functools import partial

import numpy as np

from . import Case, garbage

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 1027]


def state(rng):
    # All 64 bits of the seed, and a block number that carries into its upper word.
    return np.array([rng.integers(-(2**63), 2**63), rng.integers(2**40), 2**32 - 3], np.int64)


def bits(n, rng, dtype):
    return Case((np.full(n, 0xDEADBEEF, np.uint32), state(rng), 2), outputs=(0,))


def real(n, a, b, rng, dtype):
    return Case((garbage((n,), dtype), a, b, state(rng), 1), outputs=(0,))


def integers(n, low, high, rng, dtype):
    return Case((garbage((n,), np.int64), low, high, state(rng), 2), outputs=(0,))


RANGES = [(0, 10), (-3, 2), (-5, 2**40), (-(2**63), 2**63 - 1)]
CASES = {
    "philox_bits": [partial(bits, n) for n in SIZES],
    "philox_uniform": [partial(real, n, -1.3, 2.1) for n in SIZES],
    "philox_normal": [partial(real, n, 0.5, 2.0) for n in SIZES],
    "philox_integers": [
        *[partial(integers, n, 0, 10) for n in SIZES],
        *[partial(integers, 33, low, high) for low, high in RANGES],
    ],
}
