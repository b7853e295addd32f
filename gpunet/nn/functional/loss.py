"""Losses of class labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Operation, Variable, mixes
from ...dtypes import FLOATING
from ...functions.conversion import cast
from ...ops import loss as _ops

__all__ = ["cross_entropy", "nll_loss"]

_cross_entropy = Operation(_ops.cross_entropy_forward, _ops.cross_entropy_backward)
_soft_cross_entropy = Operation(
    _ops.soft_cross_entropy_forward, _ops.soft_cross_entropy_backward, name="cross_entropy"
)
_nll_loss = Operation(_ops.nll_loss_forward, _ops.nll_loss_backward)

_INT64 = np.dtype("int64")


def cross_entropy(
    input: Variable,
    target: Variable,
    weight: Variable | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """``loss[n] = -sum_c w[c] ((1 - s) t[n, c] + s / C) log softmax(input[n])[c]``.

    With class labels as `target`, ``t[n, c]`` is 1 for ``c = target[n]`` and otherwise 0.

    Parameters
    ----------
    input : Tensor of shape (N, C, ...) or (C,)
        The logits.
    target : Tensor of shape (N, ...) or (), or of the shape of `input`
        Class labels 0 to C - 1 (integers), or probabilities of all classes (floating point).
    weight : Tensor of shape (C,), optional
        w; ones by default.
    size_average, reduce
        PyTorch's deprecated arguments, which must be None; use `reduction`.
    ignore_index : int
        Labels with this value count neither in the loss nor in its mean.
    reduction : {"mean", "sum", "none"}
        "mean" divides the sum by ``sum_n w[target[n]]``, or, for probabilities, by the number of
        rows.
    label_smoothing : float
        s, 0 to 1.

    Raises
    ------
    IndexError
        For a label that is neither a class nor `ignore_index`, on the CPU. On a GPU, where
        looking would mean waiting, its loss is NaN.
    ValueError, RuntimeError, TypeError
        For shapes, dtypes or settings that do not fit; a mean over no rows is a ValueError.
    """
    try:
        X, T = input.array, target.array
        plain = (
            X.ndim == 2
            and T.dtype is _INT64
            and T.shape == X.shape[:1]
            and X.dtype.char in "fd"
            and X.size
            and weight is size_average is reduce is None
            and label_smoothing == 0
            and (reduction == "mean" or reduction == "sum")
        )
    except AttributeError:
        plain = False
    if plain:
        return _cross_entropy(input, target, None, reduction=reduction, ignore_index=ignore_index)
    check_reduction("cross_entropy", reduction, size_average, reduce)
    check_tensors("cross_entropy", input, target)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_input("cross_entropy", input, weight, reduction)
    X, T = input.array, target.array
    if T.shape == X.shape and X.ndim:
        if T.dtype.kind not in FLOATING:
            raise RuntimeError(
                "cross_entropy: target has the shape of input, so it should hold the probabilities "
                f"of the classes, of a floating-point dtype, but its dtype is {T.dtype}; labels "
                f"for it have shape {_label_shape(X)}"
            )
        if not mixes(X, T):
            target = cast(target, X.dtype)
        return _soft_cross_entropy(
            input, target, weight,
            reduction=reduction, label_smoothing=label_smoothing,
        )  # fmt: skip
    target = _labels("cross_entropy", input, target)
    return _cross_entropy(
        input, target, weight,
        reduction=reduction, ignore_index=ignore_index, label_smoothing=float(label_smoothing),
    )  # fmt: skip


def nll_loss(
    input: Variable,
    target: Variable,
    weight: Variable | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """``loss[n] = -w[y] input[n, y]`` with ``y = target[n]``; the input is log-probabilities.

    Parameters
    ----------
    input : Tensor of shape (N, C, ...) or (C,)
    target : Tensor of shape (N, ...) or ()
        Class labels 0 to C - 1.
    weight, size_average, ignore_index, reduce, reduction
        As in `cross_entropy`.

    Raises
    ------
    IndexError, ValueError, RuntimeError, TypeError
        As in `cross_entropy`.
    """
    check_reduction("nll_loss", reduction, size_average, reduce)
    check_tensors("nll_loss", input, target)
    _check_input("nll_loss", input, weight, reduction)
    target = _labels("nll_loss", input, target)
    return _nll_loss(input, target, weight, reduction=reduction, ignore_index=ignore_index)


def check_reduction(
    name: str, reduction: str, size_average: Any = None, reduce: Any = None, *more: str
) -> None:
    """Refuse an unknown `reduction`, and the arguments that it replaced."""
    if size_average is not None or reduce is not None:
        raise ValueError(
            f"{name}: size_average and reduce are not supported, got size_average={size_average}, "
            f"reduce={reduce}; use reduction='mean', 'sum' or 'none'"
        )
    if reduction not in ("mean", "sum", "none", *more):
        raise ValueError(
            f"{name}: {reduction!r} is not a valid value for reduction, expected "
            f"{', '.join(map(repr, ('mean', 'sum', 'none', *more)))}"
        )


def check_constant(name: str, **weights: Any) -> None:
    """Refuse weights that want a gradient: the losses compute none for them."""
    for key, weight in weights.items():
        if weight is None:
            continue
        if not isinstance(weight, Variable):
            raise TypeError(f"{name}: {key} must be a Tensor, not {type(weight).__name__}")
        if weight.requires_grad:
            raise NotImplementedError(
                f"{name}: no gradient is computed for {key}, which requires one; give "
                f"{key}.detach()"
            )


def check_tensors(name: str, input: Any, target: Any) -> None:
    """Refuse what is no tensor."""
    for key, x in (("input", input), ("target", target)):
        if not isinstance(x, Variable):
            raise TypeError(f"{name}: {key} must be a Tensor, not {type(x).__name__}")


def _check_input(name: str, input: Variable, weight: Any, reduction: str) -> None:
    X = input.array
    if X.dtype.char not in "fd" and not mixes(X):
        raise RuntimeError(f"{name}: input must have dtype float32 or float64, got {X.dtype}")
    if X.ndim == 0 or X.shape[min(1, X.ndim - 1)] == 0:
        raise ValueError(
            f"{name}: input must have shape (N, C, ...) or (C,) with at least one class, "
            f"got {X.shape}"
        )
    if X.size == 0 and reduction == "mean":
        raise ValueError(f"{name}: the mean over an empty batch is undefined: input {X.shape}")
    if weight is not None:
        check_constant(name, weight=weight)
        C = X.shape[min(1, X.ndim - 1)]
        if weight.array.shape != (C,):
            raise RuntimeError(
                f"{name}: weight tensor should be defined either for all {C} classes or no classes "
                f"but got weight tensor of shape: {list(weight.array.shape)}"
            )
        if weight.array.dtype != X.dtype and not mixes(weight.array, X):
            raise RuntimeError(
                f"{name}: expected a weight of the input's dtype {X.dtype}, "
                f"got {weight.array.dtype}"
            )


def _label_shape(X: Any) -> tuple[int, ...]:
    return X.shape[:1] + X.shape[2:] if X.ndim > 1 else ()


def _labels(name: str, input: Variable, target: Variable) -> Any:
    """`target` as int64, its shape checked."""
    X, T = input.array, target.array
    if T.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: expected target dtype to be Long (class labels), but got {T.dtype}"
        )
    expected = _label_shape(X)
    if T.shape != expected and not (expected == () and T.shape == (1,)):
        if X.ndim > 1 and T.shape[:1] != X.shape[:1]:
            raise ValueError(
                f"{name}: Expected input batch_size ({X.shape[0]}) to match target batch_size "
                f"({T.shape[0] if T.ndim else 'none'}): input has shape {X.shape}, target {T.shape}"
            )
        raise RuntimeError(
            f"{name}: Expected target size {list(expected)}, got {list(T.shape)} for an input of "
            f"shape {X.shape}"
        )
    return cast(target, _INT64)
