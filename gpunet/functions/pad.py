"""Padding, and the parts of a matrix: triangles and diagonals."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..ops import pad as _ops
from ._arguments import as_dim, as_sizes

__all__ = ["diag", "diag_embed", "diagonal", "pad", "trace", "tril", "triu"]

_pad = Operation(_ops.pad_forward, _ops.pad_backward)
_tri = Operation(_ops.tri_forward, _ops.tri_backward)
_diagonal = Operation(_ops.diagonal_forward, _ops.diagonal_backward)
_diag_embed = Operation(_ops.diag_embed_forward, _ops.diag_embed_backward)


def pad(input: Variable, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """The tensor with a border.

    Parameters
    ----------
    input : Tensor
    pad : tuple of int
        Widths for the last axis first: ``(left, right, top, bottom, ...)``. Negative ones crop.
    mode : {"constant", "reflect", "replicate", "circular"}
        What the border holds: `value`; the inside mirrored at the edge element; the edge element;
        the other end of the inside.
    value : float, optional
        Default: 0.

    Raises
    ------
    RuntimeError
        If `pad` does not fit the shape.
    NotImplementedError
        For another `mode`.
    """
    shape = input.array.shape
    widths = as_sizes((pad,))
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(
            f'pad: mode: expected "constant", "reflect", "replicate" or "circular", got {mode!r}'
        )
    if len(widths) % 2 or len(widths) > 2 * len(shape):
        raise RuntimeError(
            f"pad: expected pairs of widths, {len(shape)} at most for a tensor of shape "
            f"{list(shape)}, got {tuple(widths)}"
        )
    if value is not None and mode != "constant":
        raise ValueError(f'pad: value: mode "{mode}" takes none, got {value!r}')
    pairs = [(0, 0)] * (len(shape) - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    for axis, (n, (left, right)) in enumerate(zip(shape, pairs)):
        inside = n + min(left, 0) + min(right, 0)
        room = {"constant": None, "reflect": inside - 1, "circular": inside}.get(mode)
        if mode == "replicate" and inside == 0:
            room = 0
        if inside < 0 or (room is not None and max(left, right, 0) > max(room, 0)):
            raise RuntimeError(
                f'pad: a width of ({left}, {right}) with mode "{mode}" does not fit dimension '
                f"{axis}, which has size {n}, of a tensor of shape {list(shape)}"
            )
    return _pad(input, widths=tuple(pairs), mode=mode, value=0 if value is None else value)


def triu(input: Variable, diagonal: int = 0) -> Any:
    """The matrices of shape (..., M, N) with zeros below the given diagonal."""
    return _triangle(input, diagonal, True)


def tril(input: Variable, diagonal: int = 0) -> Any:
    """The matrices of shape (..., M, N) with zeros above the given diagonal."""
    return _triangle(input, diagonal, False)


def _triangle(input: Variable, diagonal: int, upper: bool) -> Any:
    if input.array.ndim < 2:
        raise RuntimeError(
            f"{'triu' if upper else 'tril'}: input: expected at least 2 dimensions, got shape "
            f"{list(input.array.shape)}"
        )
    return _tri(input, diagonal=diagonal, upper=upper)


def diagonal(input: Variable, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A view of the elements at ``(i, i + offset)`` of the axes `dim1` and `dim2`, i as last axis.

    Raises
    ------
    RuntimeError
        If the two are the same axis.
    """
    return _diagonal(input, **_two(input.array.ndim, offset, dim1, dim2))


def diag_embed(input: Variable, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The last axis as a diagonal of two axes, with zeros beside it."""
    return _diag_embed(input, **_two(input.array.ndim + 1, offset, dim1, dim2))


def _two(ndim: int, offset: int, dim1: int, dim2: int) -> dict[str, int]:
    one, two = as_dim(dim1, ndim, "dim1"), as_dim(dim2, ndim, "dim2")
    if one == two:
        raise RuntimeError(f"dim1 and dim2 must be different dimensions, got {dim1} and {dim2}")
    return {"offset": offset, "dim1": one, "dim2": two}


def diag(input: Variable, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with the given diagonal.

    Raises
    ------
    RuntimeError
        If `input` has neither one nor two axes.
    """
    ndim = input.array.ndim
    if ndim == 1:
        return _diag_embed(input, offset=diagonal, dim1=0, dim2=1)
    if ndim == 2:
        return _diagonal(input, offset=diagonal, dim1=0, dim2=1)
    raise RuntimeError(
        f"diag: input: expected 1 or 2 dimensions, got shape {list(input.array.shape)}"
    )


def trace(input: Variable) -> Any:
    """The sum of the diagonal of a matrix."""
    if input.array.ndim != 2:
        raise RuntimeError(f"trace: input: expected a matrix, got shape {list(input.array.shape)}")
    return _diagonal(input, offset=0, dim1=0, dim2=1).sum()
