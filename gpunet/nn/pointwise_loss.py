"""Losses that compare input and target element by element, with their settings kept."""

from __future__ import annotations

from typing import Any

from .functional import pointwise_loss as F
from .loss import Loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
]


class MSELoss(Loss):
    """``L = (input - target)^2``, and its mean or sum.

    Parameters
    ----------
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    reduction : {"mean", "sum", "none"}
        Default: "mean".
    """

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """``L = |input - target|``, and its mean or sum. Parameters as in `MSELoss`."""

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """With ``D = input - target``: ``L = D^2 / (2 beta)`` where ``|D| < beta``, beyond
    ``L = |D| - beta / 2``; and its mean or sum.

    Parameters
    ----------
    size_average, reduce, reduction
        As in `MSELoss`.
    beta : float
        Default: 1.
    """

    def __init__(
        self,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """With ``D = input - target``: ``L = D^2 / 2`` where ``|D| < delta``, beyond
    ``L = delta (|D| - delta / 2)``; and its mean or sum.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        Default: "mean".
    delta : float
        Default: 1.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(None, None, reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(Loss):
    """``L = -weight (target log input + (1 - target) log(1 - input))``, and its mean or sum.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for every element; broadcasts.
    size_average, reduce, reduction
        As in `MSELoss`.
    """

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """With ``P = sigmoid(input)``: ``L = -weight (pos_weight target log P + (1 - target)
    log(1 - P))``, and its mean or sum.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for every element; broadcasts.
    size_average, reduce, reduction
        As in `MSELoss`.
    pos_weight : Tensor, optional
        A factor for the positive part; broadcasts.
    """

    weight: Any
    pos_weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """``L = target (log target - input)``, and its mean or sum: the Kullback-Leibler divergence.

    Parameters
    ----------
    size_average, reduce
        As in `MSELoss`.
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean" is the divergence as it is defined. Default: "mean".
    log_target : bool
        Whether the targets are log-probabilities. Default: False.
    """

    def __init__(
        self,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ):
        super().__init__(size_average, reduce, reduction, "batchmean")
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
