"""Matrix products: of matrices, vectors and stacks of matrices, and Einstein's sums of products."""

from __future__ import annotations

import math
from typing import Any

from .broadcast import unbroadcast
from .pad import diagonal_view

__all__ = [
    "addmm_backward",
    "addmm_forward",
    "einsum_backward",
    "einsum_forward",
    "matmul_backward",
    "matmul_forward",
    "product",
]


def product(be: Any, A: Any, B: Any, out: Any = None) -> Any:
    """``Y[..., m, n] = sum_k A[..., m, k] B[..., k, n]``, with broadcasting of the axes in front.

    A stack times one matrix is one product of a tall matrix.
    """
    if B.ndim == 2:
        if A.ndim == 2:
            return be.gemm(A, B, out)
        K, N = B.shape
        rows = be.gemm(A.reshape(math.prod(A.shape[:-1]), K), B)
        return rows.reshape((*A.shape[:-1], N))
    batch = be.xp.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    Y = be.empty((*batch, A.shape[-2], B.shape[-1]), A.dtype)
    if not A.shape[-1] or not Y.size:
        Y.fill(0)
        return Y
    return be.xp.matmul(A, B, out=Y)


def _as_matrices(A: Any, B: Any) -> tuple[Any, Any]:
    """A vector in front becomes a row, one behind a column."""
    return A if A.ndim > 1 else A.reshape(1, -1), B if B.ndim > 1 else B.reshape(-1, 1)


def matmul_forward(be: Any, A: Any, B: Any) -> Any:
    """``Y = A B`` for vectors (K,), matrices and stacks of matrices (..., M, K) and (..., K, N)."""
    left, right = _as_matrices(A, B)
    Y = product(be, left, right)
    full = Y.shape
    if B.ndim == 1:
        Y = Y.reshape(full[:-1] if A.ndim > 1 else full[:-2])
    elif A.ndim == 1:
        Y = Y.reshape((*full[:-2], full[-1]))
    return Y, (A, B, full)


def matmul_backward(be: Any, dY: Any, saved: Any, needs: Any, out: Any) -> Any:
    """``dA = dY B^T``, ``dB = A^T dY``, summed over the broadcast axes."""
    A, B, full = saved
    left, right = _as_matrices(A, B)
    dY = dY.reshape(full)
    dA = dB = None
    plain = A.ndim == 2 and B.ndim == 2
    if needs[0]:
        dA = _left(be, dY, left, right, out[0] if plain else None).reshape(A.shape)
    if needs[1]:
        dB = _right(be, dY, left, right, out[1] if plain else None).reshape(B.shape)
    return dA, dB


def _left(be: Any, dY: Any, A: Any, B: Any, out: Any) -> Any:
    """``dA = dY B^T``."""
    if A.ndim == 2 and B.ndim > 2:
        # dA[m, k] = sum over the stack and n: one product, with both laid out as (m, stack n).
        M, K = A.shape
        tall = be.xp.moveaxis(dY, -2, 0).reshape(M, dY.size // M if M else 0)
        flat = be.xp.moveaxis(B, -2, 0).reshape(K, B.size // K if K else 0)
        return be.gemm(tall, flat.T)
    return unbroadcast(product(be, dY, B.swapaxes(-1, -2), out), A.shape)


def _right(be: Any, dY: Any, A: Any, B: Any, out: Any) -> Any:
    """``dB = A^T dY``."""
    if B.ndim == 2 and A.ndim > 2:
        K, N = B.shape
        rows = math.prod(A.shape[:-1])
        return be.gemm(A.reshape(rows, K).T, dY.reshape(rows, N))
    return unbroadcast(product(be, A.swapaxes(-1, -2), dY, out), B.shape)


def addmm_forward(be: Any, X: Any, A: Any, B: Any, beta: float, alpha: float) -> Any:
    """``Y = beta X + alpha A B``; `X` broadcasts, and is left out for ``beta = 0``."""
    Y = product(be, A, B)
    if alpha != 1:
        Y *= alpha
    if beta != 0:
        Y += X if beta == 1 else X * beta
    return Y, (X.shape, A, B, beta, alpha)


def addmm_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """``dX = beta dY``, ``dA = alpha dY B^T``, ``dB = alpha A^T dY``."""
    shape, A, B, beta, alpha = saved
    dX = unbroadcast(dY if beta == 1 else dY * beta, shape) if needs[0] else None
    if alpha != 1:
        dY = dY * alpha
    dA = product(be, dY, B.swapaxes(-1, -2)) if needs[1] else None
    dB = product(be, A.swapaxes(-1, -2), dY) if needs[2] else None
    return dX, dA, dB


# --- Einstein sums ------------------------------------------------------------------------------


def einsum_forward(be: Any, *arrays: Any, terms: tuple[tuple[int, ...], ...], out: Any) -> Any:
    """``Y[out] = sum of the products of X_i[terms[i]]`` over the labels that are not in `out`.

    ``terms[i]`` has a label for each axis of array i. An axis of length 1 whose label has another
    length elsewhere broadcasts.
    """
    sizes: dict[int, int] = {}
    for X, term in zip(arrays, terms):
        for label, n in zip(term, X.shape):
            if n != 1 or label not in sizes:
                sizes[label] = n
    Y = _contract(be, [_reduced(be, X, term, sizes) for X, term in zip(arrays, terms)], out, sizes)
    return Y, (arrays, terms, out, sizes)


def einsum_backward(be: Any, dY: Any, saved: Any, needs: Any) -> Any:
    """The gradient of an Einstein sum is one: ``dX_i[terms[i]]`` sums dY times the other factors."""
    arrays, terms, out, sizes = saved
    simple = [_reduced(be, X, term, sizes) for X, term in zip(arrays, terms)]
    grads = []
    for i, X in enumerate(arrays):
        if not needs[i]:
            grads.append(None)
            continue
        labels = simple[i][1]
        others = [(dY, tuple(out)), *simple[:i], *simple[i + 1 :]]
        # A label that only this array has was summed: its gradient repeats along it.
        present = {label for _, term in others for label in term}
        part = _contract(be, others, tuple([x for x in labels if x in present]), sizes)
        shape = tuple([sizes[x] if x in present else 1 for x in labels])
        part = be.xp.broadcast_to(part.reshape(shape), tuple([sizes[x] for x in labels]))
        grads.append(_restored(be, part, labels, X, terms[i], sizes))
    return tuple(grads)


def _reduced(be: Any, X: Any, term: Any, sizes: Any) -> tuple[Any, tuple[int, ...]]:
    """`X` as a view without broadcast axes and with each label once, and its labels."""
    keep = [i for i, label in enumerate(term) if X.shape[i] == sizes[label]]
    X = X.reshape(tuple([X.shape[i] for i in keep]))
    labels = [term[i] for i in keep]
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            X = diagonal_view(be, X, 0, first, second)
            del labels[second], labels[first]
            labels.append(label)
    return X, tuple(labels)


def _restored(be: Any, dX: Any, labels: Any, X: Any, term: Any, sizes: Any) -> Any:
    """The gradient of `X` from that of its reduced view: zero off the diagonals."""
    if labels == term and dX.shape == X.shape:
        return dX
    full = be.zeros(X.shape, dX.dtype)
    view, _ = _reduced(be, full, term, sizes)
    view[...] = dX
    return full


def _contract(be: Any, factors: list[Any], out: tuple[int, ...], sizes: Any) -> Any:
    """The sum over products, two factors at a time, each step one (stacked) matrix product."""
    factors = list(factors)
    X, labels = factors.pop(0)
    while factors:
        Z, other = factors.pop(0)
        later = {*out, *[label for _, term in factors for label in term]}
        X, labels = _pair(be, X, labels, Z, other, later, sizes)
    X, labels = _summed(X, labels, set(out))
    return X.transpose([labels.index(label) for label in out])


def _summed(X: Any, labels: Any, keep: set[int]) -> tuple[Any, tuple[int, ...]]:
    """`X` summed over the axes whose labels are not in `keep`."""
    axes = tuple([i for i, label in enumerate(labels) if label not in keep])
    if axes:
        X = X.sum(axis=axes, dtype=X.dtype)
        labels = tuple([label for label in labels if label in keep])
    return X, labels


def _pair(
    be: Any, A: Any, a: Any, B: Any, b: Any, later: set[int], sizes: Any
) -> tuple[Any, tuple[int, ...]]:
    """Multiply two factors and sum over the labels that nothing later needs.

    The labels fall into four groups, and the product is ``[both, m, k] @ [both, k, n]``: `both`
    factors have them and they stay, `k` both have and they are summed, `m` and `n` only one has.
    """
    A, a = _summed(A, a, later | set(b))
    B, b = _summed(B, b, later | set(a))
    both = [x for x in a if x in b and x in later]
    k = [x for x in a if x in b and x not in later]
    m = [x for x in a if x not in b]
    n = [x for x in b if x not in a]
    count = {id(g): math.prod([sizes[x] for x in g]) for g in (both, k, m, n)}
    rows, inner, columns = count[id(m)], count[id(k)], count[id(n)]
    A = A.transpose([a.index(x) for x in (*both, *m, *k)])
    B = B.transpose([b.index(x) for x in (*both, *k, *n)])
    if both:
        A = A.reshape(count[id(both)], rows, inner)
        B = B.reshape(count[id(both)], inner, columns)
    else:
        A, B = A.reshape(rows, inner), B.reshape(inner, columns)
    labels = (*both, *m, *n)
    return product(be, A, B).reshape(tuple([sizes[x] for x in labels])), labels
