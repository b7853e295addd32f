"""Sums of products over any axes: Einstein's sums, `tensordot`, `inner`."""

from __future__ import annotations

from typing import Any

from ..autograd import Operation, Variable
from ..ops import einsum as _ops
from ._arguments import as_dim
from .arithmetic import mul
from .linalg import same_dtype

__all__ = [
    "einsum",
    "inner",
    "tensordot",
]

_einsum = Operation(_ops.einsum_forward, _ops.einsum_backward)


def inner(input: Variable, other: Variable) -> Any:
    """The products of all vectors along the last axes; of numbers with anything, the product."""
    a, b = input.array, other.array
    if not a.ndim or not b.ndim:
        return mul(input, other)
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"inner: the last dimensions must match, got shapes {list(a.shape)} and {list(b.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


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
    same_dtype("tensordot", a, b)
    return _einsum(a, b, terms=(tuple(first), tuple(second)), out=tuple(out))


def einsum(equation: str, *operands: Any) -> Any:
    """Einstein's sum: products of elements, summed over the labels that the output lacks.

    Parameters
    ----------
    equation : str
        A letter for each axis of each operand, then those of the output: ``"bij,bjk->bik"``.
        Without ``->`` the output has the labels that come up once, in alphabetical order.
        ``...`` stands for any axes, which broadcast. A letter that an operand has twice takes
        its diagonal.
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
    same_dtype("einsum", *operands)
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
                f"einsum: equation {equation!r}: the labels {part!r} do not fit operand {number} "
                f"of shape {list(shape)}"
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
