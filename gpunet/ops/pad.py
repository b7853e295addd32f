"""Padding, and the parts of a matrix: triangles and diagonals."""

from __future__ import annotations

from typing import Any

from .memory_order import ordered_like

__all__ = [
    "diag_embed_backward",
    "diag_embed_forward",
    "diagonal_backward",
    "diagonal_forward",
    "diagonal_view",
    "pad_backward",
    "pad_forward",
    "tri_backward",
    "tri_forward",
]


def pad_forward(
    be: Any, X: Any, widths: tuple[tuple[int, int], ...], mode: str, value: float = 0.0
) -> Any:
    """`X` with a border: ``widths[k]`` elements before and after axis k; negative ones crop.

    ============  ========================================
    ``constant``  ``v v v | a b c d | v v v``
    ``reflect``   ``d c b | a b c d | c b a``
    ``replicate`` ``a a a | a b c d | d d d``
    ``circular``  ``b c d | a b c d | a b c``
    ============  ========================================
    """
    cropped = X[_crop(X.shape, widths)]
    borders = [(max(left, 0), max(right, 0)) for left, right in widths]
    padded = tuple([left + n + right for n, (left, right) in zip(cropped.shape, borders)])
    Y = ordered_like(be, X, padded, X.dtype)
    if mode == "constant":
        Y.fill(value)
    Y[_centre(cropped.shape, borders)] = cropped
    if mode != "constant":
        # Axis by axis: the corners come from the borders of the axes before, which are filled.
        for to, source in _copies(cropped.shape, borders, mode):
            Y[to] = Y[source]
    return Y, (X.shape, X.dtype, cropped.shape, widths, borders, mode)


def pad_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX`` is the inside of ``dY`` plus, for each border element, its gradient at its source."""
    shape, dtype, inner, widths, borders, mode = saved
    if mode != "constant":
        total = ordered_like(be, dY, dY.shape, dtype)
        total[...] = dY
        for to, source in reversed(list(_copies(inner, borders, mode))):
            part = total[source]
            border = total[to]
            if mode == "replicate":  # one source for many
                border = border.sum(axis=len(to) - 1, keepdims=True)
            part += border
        dY = total
    dY = dY[_centre(inner, borders)]
    if inner == shape:
        return (dY,)
    dX = ordered_like(be, dY, shape, dtype)
    dX.fill(0)
    dX[_crop(shape, widths)] = dY
    return (dX,)


def _crop(shape: Any, widths: Any) -> tuple[slice, ...]:
    return tuple(
        [slice(max(-left, 0), n - max(-right, 0)) for n, (left, right) in zip(shape, widths)]
    )


def _centre(shape: Any, borders: Any) -> tuple[slice, ...]:
    return tuple([slice(left, left + n) for n, (left, _) in zip(shape, borders)])


def _copies(shape: Any, borders: Any, mode: str) -> Any:
    """The pairs (border, source) of indices into the padded array, in the order of the copying."""
    for axis, (n, (left, right)) in enumerate(zip(shape, borders)):
        before = (slice(None),) * axis
        end = left + n
        if mode == "reflect":
            sources = _reverse(left + 1, 2 * left + 1), _reverse(end - 1 - right, end - 1)
        elif mode == "replicate":
            sources = slice(left, left + 1), slice(end - 1, end)
        else:
            sources = slice(end - left, end), slice(left, left + right)
        if left:
            yield (*before, slice(0, left)), (*before, sources[0])
        if right:
            yield (*before, slice(end, end + right)), (*before, sources[1])


def _reverse(start: int, stop: int) -> slice:
    """The elements ``start`` to ``stop - 1``, last first."""
    return slice(stop - 1, start - 1 if start else None, -1)


def tri_forward(be: Any, X: Any, diagonal: int, upper: bool) -> Any:
    """`X` of shape (..., M, N) with zeros below (`upper`) or above the given diagonal."""
    cut = be.xp.triu if upper else be.xp.tril
    return cut(X, diagonal), (diagonal, upper)


def tri_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """The same triangle of ``dY``."""
    diagonal, upper = saved
    return ((be.xp.triu if upper else be.xp.tril)(dY, diagonal),)


def diagonal_view(be: Any, X: Any, offset: int, dim1: int, dim2: int) -> Any:
    """The elements of `X` at ``(i, i + offset)`` of two axes, as a writeable view, i last."""
    rows, columns = max(-offset, 0), max(offset, 0)
    length = max(min(X.shape[dim1] - rows, X.shape[dim2] - columns), 0)
    if length:
        index = [slice(None)] * X.ndim
        index[dim1], index[dim2] = slice(rows, None), slice(columns, None)
        X = X[tuple(index)]
    rest = [i for i in range(X.ndim) if i not in (dim1, dim2)]
    return be.xp.lib.stride_tricks.as_strided(
        X,
        (*[X.shape[i] for i in rest], length),
        (*[X.strides[i] for i in rest], X.strides[dim1] + X.strides[dim2]),
    )


def diagonal_forward(be: Any, X: Any, offset: int, dim1: int, dim2: int) -> Any:
    """``Y[..., i] = X[..., i, i + offset]`` of the axes `dim1` and `dim2`, as a view."""
    Y = diagonal_view(be, X, offset, dim1, dim2)
    return Y, (X.shape, X.dtype, offset, dim1, dim2)


def diagonal_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dY`` on the diagonal, zero elsewhere."""
    shape, dtype, *place = saved
    dX = be.zeros(shape, dtype)
    diagonal_view(be, dX, *place)[...] = dY
    return (dX,)


def diag_embed_forward(be: Any, X: Any, offset: int, dim1: int, dim2: int) -> Any:
    """``Y[..., i, i + offset] = X[..., i]`` of the axes `dim1` and `dim2`, zero elsewhere."""
    n = X.shape[-1] + abs(offset)
    shape = list(X.shape[:-1])
    for dim in sorted((dim1, dim2)):
        shape.insert(dim, n)
    Y = be.zeros(tuple(shape), X.dtype)
    diagonal_view(be, Y, offset, dim1, dim2)[...] = X
    return Y, (offset, dim1, dim2)


def diag_embed_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """The diagonal of ``dY``."""
    return (diagonal_view(be, dY, *saved),)
