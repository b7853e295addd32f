"""Distances and similarities of vectors, and the losses made of them."""

from __future__ import annotations

from typing import Any

from ...autograd import Variable
from ...functions.arithmetic import minimum
from ...functions.comparison import eq
from ...functions.elementwise import clamp_min, sqrt
from ...functions.indexing import where
from ...functions.promotion import floating, pair
from ...functions.reduction import norm
from ...functions.repeating import broadcast_tensors
from .loss import check_reduction

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "pairwise_distance",
    "triplet_margin_loss",
]


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along `dim`.

    Parameters
    ----------
    x1, x2 : Tensor
        Of shapes that broadcast.
    dim : int
    eps : float

    Raises
    ------
    IndexError
        If there is no dimension `dim`.
    """
    x1, x2 = broadcast_tensors(*(floating(x) for x in pair(x1, x2)))
    lengths = [clamp_min(norm(x, 2, dim, True), eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """``(sum_d |x1[..., d] - x2[..., d] + eps|^p)^(1/p)``.

    Parameters
    ----------
    x1, x2 : Tensor of shape (..., D)
        Of shapes that broadcast.
    p : float
        Of the norm.
    eps : float
        Keeps the gradient of equal vectors from being undefined.
    keepdim : bool
        Whether the last axis stays, with length 1.
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Variable,
    margin: float = 0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """``1 - cos(x1, x2)`` where ``y = 1``; ``max(0, cos(x1, x2) - margin)`` where ``y = -1``.

    Parameters
    ----------
    input1, input2 : Tensor of shape (N, D) or (D,)
    target : Tensor of shape (N,) or ()
        y. The loss of another value is 0.
    margin : float
        From -1 to 1.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For an unknown `reduction`.
    RuntimeError
        If the shapes do not fit.
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction, size_average, reduce)
    a, b, y = input1.array, input2.array, target.array
    if y.ndim > 1 or a.ndim != y.ndim + 1 or a.shape != b.shape or a.shape[: y.ndim] != y.shape:
        raise RuntimeError(
            f"{name}: expected inputs of shape (N, D) and a target of shape (N,), or (D,) and (), "
            f"got {a.shape}, {b.shape} and {y.shape}"
        )
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / sqrt(squares)
    apart = where(eq(target, -1), clamp_min(cosine - margin, 0), cosine * 0)
    return _reduced(where(eq(target, 1), 1 - cosine, apart), reduction)


def triplet_margin_loss(
    anchor: Variable,
    positive: Variable,
    negative: Variable,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, d as `pairwise_distance`.

    Parameters
    ----------
    anchor, positive, negative : Tensor of shape (N, D) or (D,)
    margin : float
        More than 0.
    p, eps : float
        Of the distance.
    swap : bool
        Whether the positive stands in for the anchor where it is closer to the negative.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For an unknown `reduction`, or a `margin` that is not positive.
    RuntimeError
        If the inputs have different numbers of axes.

    Source: Balntas, Riba, Ponsa and Mikolajczyk, Learning local feature descriptors with triplets
    and shallow convolutional neural networks, 2016.
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    shapes = [x.array.shape for x in (anchor, positive, negative)]
    if len({len(shape) for shape in shapes}) > 1:
        raise RuntimeError(
            f"{name}: anchor, positive and negative must have the same number of axes, got "
            f"shapes {shapes[0]}, {shapes[1]} and {shapes[2]}"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduced(clamp_min(near - far + margin, 0), reduction)


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()
