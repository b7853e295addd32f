"""Products of matrices and vectors, and Einstein's sums."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Variable
from ..ops import linalg as _ops
from ._arguments import as_dim
from .pad import trace
from .shape import common_shape, reshape

__all__ = [
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "dot",
    "einsum",
    "inner",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
    "trace",
]

_matmul = Function(_ops.matmul_forward, _ops.matmul_backward, into=True)
_addmm = Function(_ops.addmm_forward, _ops.addmm_backward)
_einsum = Function(_ops.einsum_forward, _ops.einsum_backward)


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
        _same_dtype("matmul", input, other)
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


def _same_dtype(name: str, *tensors: Variable) -> None:
    dtypes = [x.array.dtype for x in tensors]
    if any(d != dtypes[0] for d in dtypes):
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


def inner(input: Variable, other: Variable) -> Any:
    """The products of all vectors along the last axes; of numbers with anything, the product."""
    a, b = input.array, other.array
    if not a.ndim or not b.ndim:
        return input * other
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"inner: the last dimensions must match, got shapes {list(a.shape)} and {list(b.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


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
    _same_dtype(name, input, A, B)
    shape = (*a[:-1], b[-1])
    if input.array.shape != shape and common_shape([shape, input.array.shape]) != shape:
        raise RuntimeError(
            f"{name}: input: shape {list(input.array.shape)} does not broadcast to {list(shape)}"
        )
    return _addmm(input, A, B, beta=beta, alpha=alpha)


def tensordot(a: Variable, b: Variable, dims: Any = 2) -> Any:
    """The sum of products over several axes.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of lists of int
        So many last axes of `a` with as many first axes of `b`; or the axes of each.

    Raises
    ------
    RuntimeError
        If the axes do not fit.
    """
    m, n = a.array.ndim, b.array.ndim
    if isinstance(dims, int):
        if not 0 <= dims <= min(m, n):
            raise RuntimeError(
                f"tensordot: dims: expected a number from 0 to {min(m, n)}, got {dims}"
            )
        ours, theirs = list(range(m - dims, m)), list(range(dims))
    else:
        one, two = [[d] if isinstance(d, int) else list(d) for d in dims]
        ours = [as_dim(d, m, "dims") for d in one]
        theirs = [as_dim(d, n, "dims") for d in two]
    if len(ours) != len(theirs):
        raise RuntimeError("tensordot: both dimension lists should have same length")
    for i, j in zip(ours, theirs):
        p, q = a.array.shape[i], b.array.shape[j]
        if p != q and 1 not in (p, q):
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but dimension {i} of a has size "
                f"{p} and dimension {j} of b has size {q}"
            )
    first = list(range(m))
    second = list(range(m, m + n))
    for i, j in zip(ours, theirs):
        second[j] = first[i]
    out = [x for x in first if x not in second] + [x for x in second if x not in first]
    _same_dtype("tensordot", a, b)
    return _einsum(a, b, terms=(tuple(first), tuple(second)), out=tuple(out))


def einsum(equation: str, *operands: Any) -> Any:
    """Einstein's sum: products of elements, summed over the labels that the output lacks.

    Parameters
    ----------
    equation : str
        A letter for each axis of each operand, then those of the output: ``"bij,bjk->bik"``. Without
        ``->`` the output has the labels that come up once, in alphabetical order. ``...`` stands
        for any axes, which broadcast. A letter that an operand has twice takes its diagonal.
    *operands : Tensor
        Or one list of them.

    Raises
    ------
    RuntimeError
        If the equation and the shapes do not fit.
    """
    if len(operands) == 1 and not isinstance(operands[0], Variable):
        operands = tuple(operands[0])
    if not operands:
        raise RuntimeError("einsum: must provide at least one operand")
    terms, out = _parse(equation, [x.array.shape for x in operands])
    _same_dtype("einsum", *operands)
    return _einsum(*operands, terms=terms, out=out)


def _parse(equation: str, shapes: list[tuple[int, ...]]) -> tuple[Any, Any]:
    """The labels of each operand and of the output, as numbers; those of ``...`` are negative."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(shapes):
        raise RuntimeError(
            f"einsum: equation {equation!r} has {len(parts)} operands, but {len(shapes)} were given"
        )
    terms = []
    longest = 0
    sizes: dict[int, int] = {}
    for number, (part, shape) in enumerate(zip(parts, shapes)):
        spare = len(shape) - len(part.replace("...", ""))
        if spare < 0 or (spare and "..." not in part):
            raise RuntimeError(
                f"einsum: equation {equation!r}: the labels {part!r} do not fit operand {number} of "
                f"shape {list(shape)}"
            )
        longest = max(longest, spare)
        term = _labels(equation, part, spare)
        terms.append(term)
        for label, n in zip(term, shape):
            known = sizes.setdefault(label, n)
            if known == 1:
                sizes[label] = n
            elif n not in (1, known):
                name = chr(label) if label > 0 else "..."
                raise RuntimeError(
                    f"einsum: equation {equation!r}: operands do not broadcast: {name!r} has sizes "
                    f"{known} and {n}"
                )
    if arrow:
        out = _labels(equation, right, longest)
        for label in out:
            if out.count(label) > 1 or label not in sizes:
                fault = "more than once" if label in sizes else "but no operand has it"
                raise RuntimeError(
                    f"einsum: equation {equation!r}: output has label {chr(abs(label))!r} {fault}"
                )
    else:
        every = [label for term in terms for label in term]
        out = (*range(-longest, 0), *sorted([x for x in {*every} if x > 0 and every.count(x) == 1]))
    return tuple(terms), out


def _labels(equation: str, part: str, spare: int) -> tuple[int, ...]:
    head, dots, tail = part.partition("...")
    if not (head + tail).isalpha() and head + tail:
        raise RuntimeError(
            f"einsum: equation {equation!r}: expected letters and at most one '...', got {part!r}"
        )
    rest = range(-spare, 0) if dots else ()
    return (*map(ord, head), *rest, *map(ord, tail))
