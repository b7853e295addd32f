"""Norms and products under the names of ``torch.linalg``."""

from __future__ import annotations

from typing import Any

from .autograd import Variable
from .functions import extremes as _extremes
from .functions import linalg as _products
from .functions import reduction as _reduction
from .functions.pad import diagonal as _diagonal

__all__ = ["diagonal", "matmul", "matrix_norm", "norm", "vector_norm"]

matmul = _products.matmul


def vector_norm(
    x: Variable, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """``(sum |x|^ord)^(1/ord)`` over all elements or along `dim`.

    Parameters
    ----------
    x : Tensor
    ord : float
        ``float("inf")`` for the largest ``|x|``, 0 for the number of nonzero elements.
    dim : int or tuple of int, optional
    keepdim : bool
    dtype : dtype, optional
        To cast to before.
    """
    return _reduction.norm(x, ord, dim, keepdim, dtype)


def matrix_norm(
    A: Variable, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """A norm of the matrices that stand on the two axes `dim`.

    Parameters
    ----------
    A : Tensor of shape (..., M, N)
    ord : {"fro", 1, -1, float("inf"), -float("inf")}
        The root of the sum of squares; the largest (smallest) sum of ``|A|`` over a column; the
        largest (smallest) sum over a row.
    dim : pair of int
    keepdim : bool
    dtype : dtype, optional
        To cast to before.

    Raises
    ------
    ValueError
        For another `ord`, or if `dim` is no pair.
    """
    if not isinstance(dim, tuple | list) or len(dim) != 2:
        raise ValueError(f"matrix_norm: dim: expected two dimensions, got {dim!r}")
    if ord == "fro":
        return _reduction.norm(A, 2, tuple(dim), keepdim, dtype)
    if ord not in (1, -1, float("inf"), -float("inf")):
        raise ValueError(
            f'matrix_norm: ord: expected "fro", 1, -1, inf or -inf, got {ord!r}; the norms that '
            "need singular values are not offered"
        )
    rows, columns = [d + A.array.ndim if d < 0 else d for d in dim]
    summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _reduction.norm(A, 1, summed, True, dtype)
    best = (_extremes.amax if ord > 0 else _extremes.amin)(sums, kept, True)
    return best if keepdim else best.squeeze((rows, columns))


def norm(
    A: Variable, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """A norm of vectors or matrices.

    Without `ord` it is the root of the sum of squares of all elements, or along `dim`. With it, two
    axes (two in `dim`, or of `A` where `dim` is not given) mean `matrix_norm`, else `vector_norm`.
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    pair = A.array.ndim == 2 if dim is None else isinstance(dim, tuple | list) and len(dim) == 2
    if pair:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if dim is None and A.array.ndim > 2:
        raise RuntimeError(
            "linalg.norm: with ord and without dim, A must be a vector or a matrix, got shape "
            f"{list(A.array.shape)}"
        )
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def diagonal(A: Variable, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A view of the diagonals of the matrices on the axes `dim1` and `dim2`."""
    return _diagonal(A, offset, dim1, dim2)
