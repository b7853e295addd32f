"""Einstein's sums of products, as a series of matrix products."""

from __future__ import annotations

import math
from typing import Any

from .linalg import product
from .pad import diagonal_view

__all__ = ["einsum_backward", "einsum_forward"]


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
    """The gradient of an Einstein sum is one: ``dX_i[terms[i]]`` sums dY times the others."""
    arrays, terms, out, sizes = saved
    simple = [_reduced(be, X, term, sizes) for X, term in zip(arrays, terms)]
    grads: list[Any] = []
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
