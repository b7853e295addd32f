"""Losses of class labels: the functions of `gpunet.nn.functional` with their settings kept."""

from __future__ import annotations

from typing import Any

from .functional import loss as F
from .module import Module

__all__ = ["CrossEntropyLoss", "Loss", "NLLLoss"]


class Loss(Module):
    """What all losses share: `reduction`, and the refusal of what it replaced."""

    reduction: str

    def __init__(self, size_average: Any, reduce: Any, reduction: str, *more: str):
        super().__init__()
        F.check_reduction(type(self).__name__, reduction, size_average, reduce, *more)
        self.reduction = reduction


class CrossEntropyLoss(Loss):
    """``loss[n] = -sum_c w[c] ((1 - s) t[n, c] + s / C) log softmax(input[n])[c]``.

    Parameters
    ----------
    weight : Tensor of shape (C,), optional
        w; ones by default. A buffer, like every weight of a loss.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    ignore_index : int
        Labels with this value do not count. Default: -100.
    reduction : {"mean", "sum", "none"}
        Default: "mean".
    label_smoothing : float
        s. Default: 0.

    See `gpunet.nn.functional.cross_entropy` for shapes and targets.
    """

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(
            input, target, self.weight, None, self.ignore_index, None, self.reduction,
            self.label_smoothing,
        )  # fmt: skip


class NLLLoss(Loss):
    """``loss[n] = -w[y] input[n, y]`` with ``y = target[n]``; the input is log-probabilities.

    Parameters
    ----------
    weight, size_average, ignore_index, reduce, reduction
        As in `CrossEntropyLoss`.
    """

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)
