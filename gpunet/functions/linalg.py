"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable, mixes
from ..ops import linalg as _ops
from .repeating import common_shape
from .shape import reshape

__all__ = [
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "dot",
    "matmul",
    "mm",
    "mv",
    "outer",
]

_matmul = Operation(_ops.matmul_forward, _ops.matmul_backward, into=True)
_addmm = Operation(_ops.addmm_forward, _ops.addmm_backward)


def matmul(input: Variable, other: Variable) -> Any:
    """The product of matrices (..., M, K) and (..., K, N); a vector stands for one row or column.

    Parameters
    ----------
    input : Tensor of shape (K,) or (..., M, K)
    other : Tensor of shape (K,) or (..., K, N)
        The axes in front broadcast.

    Returns
    -------
    Tensor of shape (..., M, N)
        Without M or N where that operand is a vector.

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.
    """
    a, b = input.array, other.array
    k = b.shape[-2 if b.ndim > 1 else -1] if b.ndim else None
    if not a.ndim or k is None or a.shape[-1] != k:
        raise _mismatch(a.shape, b.shape)
    if a.dtype is not b.dtype:
        same_dtype("matmul", input, other)
    if a.ndim > 2 and b.ndim > 2 and a.shape[:-2] != b.shape[:-2]:
        common_shape([a.shape[:-2], b.shape[:-2]])
    return _matmul(input, other)


def _mismatch(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError:
    if not a or not b:
        return RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )
    one = "x".join(map(str, a if len(a) > 1 else (1, *a)))
    two = "x".join(map(str, b if len(b) > 1 else (*b, 1)))
    return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({one} and {two})")


def same_dtype(name: str, *tensors: Variable) -> None:
    dtypes = [x.array.dtype for x in tensors]
    if any(d != dtypes[0] for d in dtypes) and not mixes(*[x.array for x in tensors]):
        raise RuntimeError(
            f"{name}: expected tensors of the same dtype, but got: {' and '.join(map(str, dtypes))}"
        )


def _expect(name: str, **ranks: Any) -> None:
    """Check numbers of axes, given as ``argument=(tensor, ndim)``."""
    for argument, (x, ndim) in ranks.items():
        if x.array.ndim != ndim:
            raise RuntimeError(
                f"{name}: {argument}: expected a {ndim}D tensor, got shape {list(x.array.shape)}"
            )


def mm(input: Variable, mat2: Variable) -> Any:
    """The product of two matrices, (M, K) and (K, N)."""
    _expect("mm", input=(input, 2), mat2=(mat2, 2))
    return matmul(input, mat2)


def bmm(input: Variable, mat2: Variable) -> Any:
    """The products of the matrices of two equally long stacks, (B, M, K) and (B, K, N)."""
    _expect("bmm", input=(input, 3), mat2=(mat2, 3))
    if input.array.shape[0] != mat2.array.shape[0]:
        raise RuntimeError(
            f"bmm: expected stacks of equal length, got shapes {list(input.array.shape)} and "
            f"{list(mat2.array.shape)}"
        )
    return matmul(input, mat2)


def mv(input: Variable, vec: Variable) -> Any:
    """The product of a matrix (M, K) and a vector (K,)."""
    _expect("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


def addmv(
    input: Variable, mat: Variable, vec: Variable, *, beta: float = 1, alpha: float = 1
) -> Any:
    """``beta input + alpha mat vec``."""
    _expect("addmv", mat=(mat, 2), vec=(vec, 1))
    column = addmm(
        reshape(input, (*input.array.shape, 1)) if input.array.ndim else input,
        mat,
        reshape(vec, (-1, 1)),
        beta=beta,
        alpha=alpha,
    )
    return reshape(column, (-1,))


def dot(input: Variable, tensor: Variable) -> Any:
    """The sum of the products of two equally long vectors."""
    _expect("dot", input=(input, 1), tensor=(tensor, 1))
    if input.array.shape != tensor.array.shape:
        raise RuntimeError(
            "dot: inconsistent tensor size, expected the same number of elements, but got "
            f"{input.array.size} and {tensor.array.size}"
        )
    return matmul(input, tensor)


def outer(input: Variable, vec2: Variable) -> Any:
    """``out[i, j] = input[i] vec2[j]``."""
    _expect("outer", input=(input, 1), vec2=(vec2, 1))
    return reshape(input, (-1, 1)) * vec2


def addmm(
    input: Variable, mat1: Variable, mat2: Variable, *, beta: float = 1, alpha: float = 1
) -> Any:
    """``beta input + alpha mat1 mat2``; `input` broadcasts to (M, N).

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.
    """
    _expect("addmm", mat1=(mat1, 2), mat2=(mat2, 2))
    return _added("addmm", input, mat1, mat2, beta, alpha)


def baddbmm(
    input: Variable, batch1: Variable, batch2: Variable, *, beta: float = 1, alpha: float = 1
) -> Any:
    """``beta input + alpha batch1 batch2`` for stacks; `input` broadcasts to (B, M, N)."""
    _expect("baddbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    if batch1.array.shape[0] != batch2.array.shape[0]:
        raise RuntimeError(
            f"baddbmm: expected stacks of equal length, got shapes {list(batch1.array.shape)} and "
            f"{list(batch2.array.shape)}"
        )
    return _added("baddbmm", input, batch1, batch2, beta, alpha)


def _added(name: str, input: Variable, A: Variable, B: Variable, beta: float, alpha: float) -> Any:
    a, b = A.array.shape, B.array.shape
    if a[-1] != b[-2]:
        raise _mismatch(a, b)
    same_dtype(name, input, A, B)
    shape = (*a[:-1], b[-1])
    if input.array.shape != shape and common_shape([shape, input.array.shape]) != shape:
        raise RuntimeError(
            f"{name}: input: shape {list(input.array.shape)} does not broadcast to {list(shape)}"
        )
    return _addmm(input, A, B, beta=beta, alpha=alpha)
