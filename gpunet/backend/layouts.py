"""How matrices lie in memory, in the words of cuBLAS: leading dimensions, and strides of stacks.

cuBLAS knows columns. A matrix that CuPy holds by rows is the transposed one held by columns, and
so ``C = A B`` is asked for as ``C^T = B^T A^T``, with nothing moved::

    rows of A: a a a . .    ld = 5: elements from one row to the next
               a a a . .    not transposed: the elements of a row are neighbours
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

__all__ = ["Layout", "layout_of", "merged"]


class Layout(NamedTuple):
    """One matrix.

    Attributes
    ----------
    transposed : bool
        Whether the elements of a column are neighbours, instead of those of a row.
    ld : int
        Elements from one row, or column, to the next.
    """

    transposed: bool
    ld: int


def layout_of(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, prefer: bool = False
) -> Layout | None:
    """The layout of a matrix without empty axes; None if cuBLAS cannot take it as it is.

    Parameters
    ----------
    shape, strides : tuple of two int
        Strides in bytes.
    prefer : bool
        The value of `transposed` where both are right: in a matrix of one row or column.
    """
    found = [_along(shape, strides, itemsize, transposed) for transposed in (prefer, not prefer)]
    return found[0] or found[1]


def _along(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, transposed: bool
) -> Layout | None:
    (outer, inner), (step, near) = shape, strides
    if transposed:
        outer, inner, step, near = inner, outer, near, step
    if inner > 1 and near != itemsize:
        return None
    if outer == 1:
        return Layout(transposed, inner)
    if step % itemsize or step < inner * itemsize:
        return None
    return Layout(transposed, step // itemsize)


def merged(
    sizes: tuple[int, ...], strides: list[tuple[int, ...]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The axes in front of stacks of matrices, as few as step evenly through all of the stacks.

    Parameters
    ----------
    sizes : tuple of int
        The same axes for all.
    strides : list of tuple of int
        For each array its strides along them.

    Returns
    -------
    sizes : tuple of int
        At least one axis, of size 1 where there are none.
    strides : list of tuple of int
    """
    axes = [i for i, n in enumerate(sizes) if n != 1]
    groups: list[list[int]] = [axes[:1]] if axes else []
    for i, j in pairwise(axes):
        if all(s[i] == s[j] * sizes[j] for s in strides):
            groups[-1].append(j)
        else:
            groups.append([j])
    if not groups:
        return (1,), [(0,)] * len(strides)
    counts = []
    for group in groups:
        count = 1
        for i in group:
            count *= sizes[i]
        counts.append(count)
    return tuple(counts), [tuple([s[group[-1]] for group in groups]) for s in strides]
