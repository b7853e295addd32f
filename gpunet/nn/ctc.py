"""The loss of connectionist temporal classification, with its settings kept."""

from __future__ import annotations

from typing import Any

from .functional.ctc import ctc_loss
from .loss import Loss

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """``-log P(target)``, summed over all ways to write it with repetitions and blanks.

    Parameters
    ----------
    blank : int
        The class that stands for no label. Default: 0.
    reduction : {"mean", "sum", "none"}
        "mean" is over losses that are divided by the lengths of their targets. Default: "mean".
    zero_infinity : bool
        Whether the losses of targets that are too long for their input are zero. Default: False.

    See `gpunet.nn.functional.ctc_loss` for shapes and the source.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(None, None, reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
