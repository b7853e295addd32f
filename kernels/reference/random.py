"""Random numbers from a counter: Philox4x32-10.

A block cipher of ten rounds turns a counter and a key into four words of 32 bits. There is no
state to keep and nothing to do in order: every number is a function of its place.

    key      seed                     2 words
    counter  block number, stream     2 + 2 words
    block    offset + i // 4    for element i, of which it takes word i % 4
             offset + i // 2    where an element needs two words: words 2 (i % 2), 2 (i % 2) + 1

So the same seed gives the same numbers on every device, whatever the layout of the threads.

``state`` is an int64 array of three elements, ``[seed, stream, base]``, which lives on the device,
and the offset of a call is ``base + offset``: a step that was captured into a CUDA graph can be
replayed with new numbers by adding to ``base``, on the device.

Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

import math
from typing import Any

from ._namespace import namespace

__all__ = ["philox_bits", "philox_integers", "philox_normal", "philox_uniform"]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
#: Added to the key after every round: the golden ratio and sqrt(3) - 1, as fractions of 2^32.
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF


def philox_words(state: Any, offset: int, blocks: int) -> Any:
    """The four words of each of `blocks` blocks, as an uint64 array of shape (4, blocks)."""
    xp = namespace(state)
    seed, stream, base = (state[i : i + 1].view(xp.uint64) for i in range(3))
    number = xp.arange(blocks, dtype=xp.uint64) + (base + xp.uint64(offset))
    key = xp.concatenate((seed & LOW, seed >> 32))[:, None]
    multiplier = xp.array(MULTIPLIERS, dtype=xp.uint64)[:, None]
    weyl = xp.array(WEYL, dtype=xp.uint64)[:, None]
    # Rows 0 and 1 of each: words 0 and 2, which are multiplied, and words 1 and 3.
    left = xp.empty((2, blocks), dtype=xp.uint64)
    left[0] = number & LOW
    left[1] = stream & LOW
    right = xp.empty((2, blocks), dtype=xp.uint64)
    right[0] = number >> 32
    right[1] = stream >> 32
    for _ in range(10):
        product = multiplier * left
        left = (product[::-1] >> 32) ^ right ^ key
        right = product[::-1] & LOW
        key = (key + weyl) & LOW
    words = xp.empty((4, blocks), dtype=xp.uint64)
    words[0::2] = left
    words[1::2] = right
    return words


def philox_bits(out: Any, state: Any, offset: int) -> None:
    """``out[i]`` is word i % 4 of block ``offset + i // 4``: uniform over all 32-bit numbers.

    Parameters
    ----------
    out : uint32 array of shape (n,), C-contiguous
        Output.
    state : int64 array of shape (3,)
    offset : int
        At least 0. The call uses ``ceil(n / 4)`` blocks.
    """
    out[...] = philox_words(state, offset, -(-out.size // 4)).T.reshape(-1)[: out.size]


def _pairs(state: Any, offset: int, n: int) -> Any:
    """For n elements of two words each: the first words and the second words."""
    words = philox_words(state, offset, -(-n // 2)).T.reshape(-1, 2)[:n]
    return words[:, 0], words[:, 1]


def philox_uniform(out: Any, low: float, high: float, state: Any, offset: int) -> None:
    """``out[i] = low + u (high - low)``, u uniform in [0, 1).

    u has the upper 24 bits of a word for float32 and 53 bits of two words for float64; the rest
    is computed in float64 and rounded once.

    Parameters
    ----------
    out : float32 or float64 array of shape (n,), C-contiguous
        Output.
    low, high : float
    state : int64 array of shape (3,)
    offset : int
        The call uses ``ceil(n / 4)`` blocks for float32 and ``ceil(n / 2)`` for float64.
    """
    n = out.size
    if out.dtype.itemsize == 4:
        words = philox_words(state, offset, -(-n // 4)).T.reshape(-1)[:n]
        u = (words >> 8).astype("float64") * 2.0**-24
    else:
        first, second = _pairs(state, offset, n)
        u = _fraction(first, second)
    out[...] = low + u * (high - low)


def _fraction(first: Any, second: Any) -> Any:
    """The upper 27 bits of one word and the upper 26 of another, as a fraction in [0, 1)."""
    return ((first >> 5) * 2**26 + (second >> 6)).astype("float64") * 2.0**-53


def philox_normal(out: Any, mean: float, std: float, state: Any, offset: int) -> None:
    """``out[i] = mean + std z``, z standard normal.

    Each two uniform numbers u, v give two normal ones (Box and Muller, 1958)::

        sqrt(-2 log(1 - u)) cos(2 pi v)        sqrt(-2 log(1 - u)) sin(2 pi v)

    For float32 these are words 0 and 1 of a block and then words 2 and 3, with 32 bits each; for
    float64 the two halves of a block with 53 bits each. All is computed in float64 and rounded
    once, so that devices agree in float32 (but for one number in some 10^8, where the last bits
    of their log or cos move the rounding) and to 1e-14 in float64.

    Parameters
    ----------
    out : float32 or float64 array of shape (n,), C-contiguous
        Output.
    mean, std : float
    state : int64 array of shape (3,)
    offset : int
        The call uses ``ceil(n / 4)`` blocks for float32 and ``ceil(n / 2)`` for float64.
    """
    xp = namespace(out)
    n = out.size
    if out.dtype.itemsize == 4:
        words = philox_words(state, offset, -(-n // 4)).T.reshape(-1, 2).astype("float64")
        rest, v = (words[:, 0] + 1) * 2.0**-32, words[:, 1] * 2.0**-32
    else:
        words = philox_words(state, offset, -(-n // 2))
        rest, v = 1 - _fraction(words[0], words[1]), _fraction(words[2], words[3])
    radius = xp.sqrt(-2 * xp.log(rest))
    angle = 2 * math.pi * v
    z = xp.stack((radius * xp.cos(angle), radius * xp.sin(angle)), axis=1).reshape(-1)[:n]
    out[...] = mean + std * z


def philox_integers(out: Any, low: int, high: int, state: Any, offset: int) -> None:
    """``out[i] = low + floor(u (high - low))``, u uniform in [0, 1) with 64 bits.

    The product is taken in whole numbers (of 128 bits); no value is more likely than another by
    more than ``(high - low) / 2^64``.

    Parameters
    ----------
    out : int64 array of shape (n,), C-contiguous
        Output.
    low, high : int
        ``low < high``.
    state : int64 array of shape (3,)
    offset : int
        The call uses ``ceil(n / 2)`` blocks.
    """
    first, second = _pairs(state, offset, out.size)
    high_part, low_part = divmod(high - low, 2**32)
    # (first 2^32 + second) (high_part 2^32 + low_part) / 2^64, by halves.
    middle = first * low_part + (second * low_part >> 32)
    other = second * high_part + (middle & LOW)
    result = first * high_part + (middle >> 32) + (other >> 32)
    out[...] = result.view("int64") + low
