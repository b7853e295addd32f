"""Distances and similarities of vectors, and the losses made of them, with their settings kept."""

from __future__ import annotations

from typing import Any

from .functional import distance as F
from .loss import Loss
from .module import Module

__all__ = ["CosineEmbeddingLoss", "CosineSimilarity", "PairwiseDistance", "TripletMarginLoss"]


class CosineSimilarity(Module):
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along `dim`.

    Parameters
    ----------
    dim : int
        Default: 1.
    eps : float
        Default: 1e-8.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """``(sum_d |x1[..., d] - x2[..., d] + eps|^p)^(1/p)``.

    Parameters
    ----------
    p : float
        Default: 2.
    eps : float
        Default: 1e-6.
    keepdim : bool
        Whether the last axis stays, with length 1. Default: False.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineEmbeddingLoss(Loss):
    """``1 - cos(x1, x2)`` where ``y = 1``; ``max(0, cos(x1, x2) - margin)`` where ``y = -1``.

    Parameters
    ----------
    margin : float
        Default: 0.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    reduction : {"mean", "sum", "none"}
        Default: "mean".
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return F.cosine_embedding_loss(
            input1, input2, target, self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``.

    Parameters
    ----------
    margin : float
        More than 0. Default: 1.
    p, eps : float
        Of the distance d, as of `PairwiseDistance`. Default: 2 and 1e-6.
    swap : bool
        Whether the positive stands in for the anchor where it is closer to the negative. Default:
        False.
    size_average, reduce, reduction
        As in `CosineEmbeddingLoss`.

    Raises
    ------
    ValueError
        If `margin` is not positive.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: margin must be greater than 0, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap,
            reduction=self.reduction,
        )  # fmt: skip
