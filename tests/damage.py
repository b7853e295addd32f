"""Damaged files: what a reader has to say to them.

Among the tests of the readers are 1,000 damaged files from fixed seeds: truncated, with flipped
bits, with another header, with a header that promises too much. A damage that nobody can see is no
case: one that leaves the content as it was (gzip's time stamp), and one of a file without a known
checksum that leaves a file of the same format (another pixel, uint8 for int8).
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

#: What a reader may take beside the content: its buffers.
BUFFERS = 1 << 20
#: Seconds for one file, on a busy machine.
LONGEST = 5.0


def truncated(whole: bytes, rng: np.random.Generator) -> bytes:
    return whole[: rng.integers(len(whole))]


def extended(whole: bytes, rng: np.random.Generator) -> bytes:
    return whole + rng.bytes(int(rng.integers(1, 100)))


def flipped(whole: bytes, rng: np.random.Generator, end: int | None = None) -> bytes:
    """One bit changed, among the first `end` bytes."""
    changed = bytearray(whole)
    changed[rng.integers(len(whole) if end is None else end)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwritten(whole: bytes, rng: np.random.Generator, end: int | None = None) -> bytes:
    """Up to 16 bytes in a row changed, among the first `end` bytes."""
    changed = bytearray(whole)
    start = int(rng.integers(len(whole) if end is None else end))
    stop = min(start + int(rng.integers(1, 17)), len(whole) if end is None else end)
    changed[start:stop] = rng.bytes(stop - start)
    return bytes(changed)


def assert_refused(read, path, content: int) -> None:
    """`read(path)` raises a ValueError that names the file, soon, and takes no memory for it.

    `content` is the size of what the file decompresses to.
    """
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - any text that names the file
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.name in str(raised.value)
    assert peak <= content * 9 // 8 + BUFFERS
    assert time.perf_counter() - start < LONGEST
