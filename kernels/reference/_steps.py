"""The steps of a recurrent kernel: which rows belong to each, and in what order they are done.

The sequences of a batch stand side by side, the longest first, one step after the other::

    sizes = (3, 2, 2)     rows   0 1 2 | 3 4 | 5 6        row = offset + number of the sequence
                          step   0       1     2

Sequence i has a row in a step of n sequences if i < n. ``reverse`` takes the steps from the last.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["steps"]


@lru_cache(maxsize=256)
def steps(sizes: tuple[int, ...], reverse: bool) -> tuple[tuple[int, int, int, int], ...]:
    """For each step, in the order of the forward pass: ``(offset, n, next offset, next n)``.

    After the last step both of the next are 0. Steps of no sequences are left out.
    """
    offsets = [0]
    for n in sizes:
        offsets.append(offsets[-1] + n)
    order = [(offset, n) for offset, n in zip(offsets, sizes) if n]
    if reverse:
        order.reverse()
    return tuple([(*one, *other) for one, other in zip(order, [*order[1:], (0, 0)])])
