"""Normalisation of channels: batch norm."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...ops import norm as _ops
from .norm import check_floating, check_not_empty, check_vectors

__all__ = ["batch_norm", "counted_batch_norm"]

_batch_norm = Operation(_ops.batch_norm_forward, _ops.batch_norm_backward, into=True)


def batch_norm(
    input: Variable,
    running_mean: Variable | None,
    running_var: Variable | None,
    weight: Variable | None = None,
    bias: Variable | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, channel by channel.

    Parameters
    ----------
    input : Tensor of shape (N, C) or (N, C, ...)
    running_mean, running_var : Tensor of shape (C,), or None
        Moved towards the statistics of the batch in training (the variance is then the unbiased
        one), and otherwise the `mean` and `var` of the formula.
    weight, bias : Tensor of shape (C,), optional
    training : bool
        Whether `mean` and (biased) `var` are those of the batch.
    momentum : float
        How far the running statistics move, 0 to 1.
    eps : float

    Raises
    ------
    ValueError
        If there is only one value for each channel in training.
    RuntimeError, TypeError
        If shapes or dtypes do not fit.
    """
    if momentum < 0:
        raise ValueError(f"batch_norm: momentum must not be negative, got {momentum}")
    return counted_batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps, None
    )


def counted_batch_norm(
    input: Variable,
    running_mean: Variable | None,
    running_var: Variable | None,
    weight: Variable | None,
    bias: Variable | None,
    training: bool,
    momentum: float,
    eps: float,
    count: Variable | None,
    activation: str = "identity",
) -> Any:
    """`batch_norm` that also counts the batches: `count` is an int64 tensor of shape ().

    A negative `momentum` stands for ``1 / count``; `activation` is "identity" or "relu". The
    statistics and the count change in the same kernel as all else, so that a GPU is not waited for.
    """
    check_floating("batch_norm", input)
    X = input.array
    if X.ndim < 2:
        raise RuntimeError(
            f"batch_norm: expected an input of shape (N, C, ...) with at least 2 dimensions, "
            f"got {X.shape}"
        )
    C = X.shape[1]
    if training:
        if X.size == C:
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{list(X.shape)}"
            )
        if eps <= 0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
        check_not_empty("batch_norm", X)
    elif eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    mean = var = n = None
    if running_mean is not None and running_var is not None:
        mean, var = running_mean.array, running_var.array
    elif not training or running_mean is not running_var:
        missing = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(
            f"batch_norm: {missing} must be defined"
            + (" together with the other" if training else " in evaluation mode")
        )
    for vector in (weight, bias, running_mean, running_var):
        if vector is None:
            continue
        array = vector.array
        if array.shape != (C,) or array.dtype != X.dtype or type(array) is not type(X):
            check_vectors(
                "batch_norm", input, C,
                weight=weight, bias=bias, running_mean=running_mean, running_var=running_var,
            )  # fmt: skip
    if count is not None:
        n = count.array
    # Numba compiles a version for every combination of types: whole numbers would bring another.
    return _batch_norm(
        input, weight, bias,
        running_mean=mean, running_var=var, count=n,
        training=bool(training), momentum=float(momentum), eps=float(eps),
        activation=activation,
    )  # fmt: skip
