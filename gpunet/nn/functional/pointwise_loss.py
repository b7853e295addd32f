"""Losses that compare input and target element by element."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from ...autograd import Operation, Variable, mixes
from ...functions.promotion import pair
from ...ops import pointwise_loss as _ops
from .loss import check_constant, check_reduction, check_tensors

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


def _of_kind(kind: str, name: str) -> Operation:
    forward = partial(_ops.pointwise_forward, kind=kind)
    return Operation(forward, _ops.pointwise_backward, name=name)


_mse = _of_kind("squared", "mse_loss")
_l1 = _of_kind("absolute", "l1_loss")
_huber = _of_kind("huber", "huber_loss")
_logits = _of_kind("logits", "binary_cross_entropy_with_logits")
_bce = Operation(_ops.bce_forward, _ops.bce_backward, name="binary_cross_entropy")
_weighted_logits = Operation(
    _ops.bce_with_logits_forward,
    _ops.bce_with_logits_backward,
    name="binary_cross_entropy_with_logits",
)
_kl_div = Operation(_ops.kl_div_forward, _ops.kl_div_backward)


def mse_loss(
    input: Variable,
    target: Variable,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Variable | None = None,
) -> Any:
    """``L = (input - target)^2``, and its mean or sum.

    Parameters
    ----------
    input, target : Tensor
        Of the same shape; others broadcast, with a warning.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    reduction : {"mean", "sum", "none"}
    weight : Tensor, optional
        A factor for every element. The mean is then over the sum of the weights.

    Raises
    ------
    ValueError, RuntimeError, TypeError
        For shapes, dtypes or settings that do not fit; the mean over no elements is a ValueError.
    """
    input, target = _prepare("mse_loss", input, target, reduction, size_average, reduce)
    if weight is None:
        return _mse(input, target, reduction=reduction)
    return _weighted(_mse(input, target, reduction="none"), input, weight, reduction, True)


def l1_loss(
    input: Variable,
    target: Variable,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Variable | None = None,
) -> Any:
    """``L = |input - target|``, and its mean or sum. Parameters as in `mse_loss`."""
    input, target = _prepare("l1_loss", input, target, reduction, size_average, reduce)
    if weight is None:
        return _l1(input, target, reduction=reduction)
    return _weighted(_l1(input, target, reduction="none"), input, weight, reduction, True)


def huber_loss(
    input: Variable,
    target: Variable,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Variable | None = None,
) -> Any:
    """With ``D = input - target``: ``L = D^2 / 2`` where ``|D| < delta``, beyond
    ``L = delta (|D| - delta / 2)``; and its mean or sum.

    Parameters
    ----------
    input, target, reduction
        As in `mse_loss`.
    delta : float
        Positive.
    weight : Tensor, optional
        A factor for every element. The mean is over the number of elements all the same.

    Source: P. J. Huber, Robust estimation of a location parameter, 1964.
    """
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta, got {delta}"
        )
    input, target = _prepare("huber_loss", input, target, reduction)
    if weight is None:
        return _huber(input, target, reduction=reduction, delta=float(delta))
    losses = _huber(input, target, reduction="none", delta=float(delta))
    return _weighted(losses, input, weight, reduction, False)


def smooth_l1_loss(
    input: Variable,
    target: Variable,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """With ``D = input - target``: ``L = D^2 / (2 beta)`` where ``|D| < beta``, beyond
    ``L = |D| - beta / 2``; and its mean or sum.

    Parameters
    ----------
    input, target, size_average, reduce, reduction
        As in `mse_loss`.
    beta : float
        At least 0; with 0 it is `l1_loss`.

    Source: R. Girshick, Fast R-CNN, 2015.
    """
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    input, target = _prepare("smooth_l1_loss", input, target, reduction, size_average, reduce)
    if beta == 0:
        return _l1(input, target, reduction=reduction)
    return _huber(input, target, reduction=reduction, delta=float(beta), factor=1 / beta)


def binary_cross_entropy(
    input: Variable,
    target: Variable,
    weight: Variable | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """``L = -weight (target log input + (1 - target) log(1 - input))``, and its mean or sum.

    The logarithms are no less than -100, so that the loss stays finite.

    Parameters
    ----------
    input : Tensor
        Probabilities, 0 to 1. On a GPU, where looking would mean waiting, others give NaN.
    target : Tensor
        Of the shape of `input`.
    weight : Tensor, optional
        A factor for every element; broadcasts.
    size_average, reduce, reduction
        As in `mse_loss`.

    Raises
    ------
    ValueError, RuntimeError, TypeError
        As in `mse_loss`; a RuntimeError too for an input that is no probability, on the CPU.
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction, size_average, reduce)
    _check_same_shape(name, input, target)
    input, target = _prepare(name, input, target, reduction)
    check_constant(name, weight=weight)
    _check_broadcast(name, "weight", weight, input)
    X = input.array
    if type(X) is np.ndarray and X.size and not (X.min() >= 0 and X.max() <= 1):
        raise RuntimeError(
            f"{name}: all elements of input should be between 0 and 1, got {X.min()} to {X.max()}"
        )
    return _bce(input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Variable,
    target: Variable,
    weight: Variable | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Variable | None = None,
) -> Any:
    """With ``P = sigmoid(input)``: ``L = -weight (pos_weight target log P + (1 - target)
    log(1 - P))``, and its mean or sum, computed so that no logit is too large for it.

    Parameters
    ----------
    input, target : Tensor
        Of the same shape.
    weight : Tensor, optional
        A factor for every element; broadcasts.
    size_average, reduce, reduction
        As in `mse_loss`.
    pos_weight : Tensor, optional
        A factor for the positive part, such as one for each class; broadcasts.
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction, size_average, reduce)
    _check_same_shape(name, input, target)
    input, target = _prepare(name, input, target, reduction)
    if weight is None and pos_weight is None:
        return _logits(input, target, reduction=reduction)
    check_constant(name, weight=weight, pos_weight=pos_weight)
    _check_broadcast(name, "weight", weight, input)
    _check_broadcast(name, "pos_weight", pos_weight, input)
    return _weighted_logits(input, target, weight, pos_weight, reduction=reduction)


def kl_div(
    input: Variable,
    target: Variable,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """``L = target (log target - input)``, and its mean or sum: the Kullback-Leibler divergence.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities, or with `log_target` their logarithms; of the shape of `input`, or one that
        broadcasts with it.
    size_average, reduce
        As in `mse_loss`.
    reduction : {"mean", "batchmean", "sum", "none"}
        "mean" is over all elements; "batchmean", over the first axis, is the divergence as it is
        defined.
    log_target : bool
    """
    check_reduction("kl_div", reduction, size_average, reduce, "batchmean")
    if reduction == "mean":
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements, 'batchmean' by the batch "
            "size alone, as the Kullback-Leibler divergence is defined",
            stacklevel=2,
        )
    input, target = _prepare("kl_div", input, target, None)
    if reduction in ("mean", "batchmean"):
        _check_not_empty("kl_div", input)
    return _kl_div(input, target, reduction=reduction, log_target=log_target)


def _prepare(
    name: str,
    input: Any,
    target: Any,
    reduction: str | None,
    size_average: Any = None,
    reduce: Any = None,
) -> tuple[Any, Any]:
    """Both as tensors of one floating-point dtype, with what can be wrong refused."""
    if not isinstance(input, Variable) or not isinstance(target, Variable):
        key, x = ("target", target) if isinstance(input, Variable) else ("input", input)
        raise TypeError(f"{name}: {key} must be a Tensor, not {type(x).__name__}")
    if reduction is not None:
        check_reduction(name, reduction, size_average, reduce)
        if input.array.shape != target.array.shape:
            _check_broadcast(name, "target", target, input, both=True)
            warnings.warn(
                f"{name}: target has shape {target.array.shape}, which is different to the input's "
                f"{input.array.shape}: they broadcast, which is seldom what is meant",
                stacklevel=3,
            )
        if reduction == "mean":
            _check_not_empty(name, input)
    else:
        _check_broadcast(name, "target", target, input, both=True)
    input, target = pair(input, target)
    if input.array.dtype.char not in "fd" and not mixes(input.array):
        raise NotImplementedError(
            f"{name}: not implemented for dtype {input.array.dtype}; input or target must be "
            "float32 or float64"
        )
    return input, target


def _check_not_empty(name: str, input: Variable) -> None:
    if input.array.size == 0:
        raise ValueError(
            f"{name}: the mean over an empty batch is undefined: input has shape "
            f"{input.array.shape}"
        )


def _check_same_shape(name: str, input: Any, target: Any) -> None:
    check_tensors(name, input, target)
    if input.array.shape != target.array.shape:
        raise ValueError(
            f"{name}: Target size ({target.array.shape}) must be the same as input size "
            f"({input.array.shape})"
        )


def _check_broadcast(
    name: str, key: str, x: Variable | None, input: Variable, both: bool = False
) -> None:
    """Refuse an `x` that does not broadcast to the input's shape, or, with `both`, with it."""
    if x is None or x.array.shape == input.array.shape:
        return
    shape = input.array.shape
    try:
        fits = np.broadcast_shapes(x.array.shape, shape)
    except ValueError:
        fits = None
    if fits is None or (fits != shape and not both):
        raise RuntimeError(
            f"{name}: {key} of shape {x.array.shape} does not broadcast "
            f"{'with' if both else 'to'} the input's shape {shape}"
        )


def _weighted(losses: Any, input: Any, weight: Any, reduction: str, of_weights: bool) -> Any:
    if weight.array.shape != input.array.shape:
        raise ValueError(
            f"Weights and input must have the same size: weight has shape {weight.array.shape}, "
            f"input {input.array.shape}"
        )
    losses = losses * weight
    if reduction == "none":
        return losses
    if reduction == "mean" and not of_weights:
        return losses.mean()
    return losses.sum() / weight.sum() if reduction == "mean" else losses.sum()
