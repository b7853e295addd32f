"""Normalisation of each channel of each sample, and across neighbouring channels."""

from __future__ import annotations

from typing import Any

from ...autograd import Operation, Variable
from ...functions.pad import pad
from ...ops.group_norm import instance_norm_backward, instance_norm_forward
from .batch_norm import counted_batch_norm
from .norm import check_floating, check_not_empty, check_vectors

__all__ = ["instance_norm", "local_response_norm"]

_instance_norm = Operation(instance_norm_forward, instance_norm_backward, into=True)


def instance_norm(
    input: Variable,
    running_mean: Variable | None = None,
    running_var: Variable | None = None,
    weight: Variable | None = None,
    bias: Variable | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over each channel of each
    sample.

    Parameters
    ----------
    input : Tensor of shape (N, C, L, ...)
    running_mean, running_var : Tensor of shape (C,), optional
        Moved towards the averages of the samples' statistics (the variance is then the unbiased
        one); without `use_input_stats` the `mean` and `var` of the formula.
    weight, bias : Tensor of shape (C,), optional
    use_input_stats : bool
        Whether `mean` and (biased) `var` are those of the input. Default: True.
    momentum : float
        How far the running statistics move.
    eps : float

    Raises
    ------
    ValueError
        If a channel has a single value.
    RuntimeError, TypeError
        If shapes or dtypes do not fit, or statistics are missing.

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """
    check_floating("instance_norm", input)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "instance_norm: expected running_mean and running_var to be defined when "
                "use_input_stats=False"
            )
        return counted_batch_norm(
            input, running_mean, running_var, weight, bias, False, 0.0, eps, None
        )
    X = input.array
    if X.ndim < 3:
        raise RuntimeError(
            "instance_norm: expected an input of shape (N, C, L, ...) with at least 3 dimensions, "
            f"got {X.shape}"
        )
    check_not_empty("instance_norm", X)
    if X.size == X.shape[0] * X.shape[1]:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {list(X.shape)}"
        )
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(f"instance_norm: {missing} must be defined together with the other")
    check_vectors(
        "instance_norm", input, X.shape[1],
        weight=weight, bias=bias, running_mean=running_mean, running_var=running_var,
    )  # fmt: skip
    return _instance_norm(
        input, weight, bias,
        running_mean=None if running_mean is None else running_mean.array,
        running_var=None if running_var is None else running_var.array,
        momentum=float(momentum), eps=float(eps),
    )  # fmt: skip


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """``Y[n, c] = X[n, c] / (k + alpha / size sum_j X[n, j]^2)^beta``, with j over `size`
    neighbouring channels, from ``c - size // 2`` on.

    Parameters
    ----------
    input : Tensor of shape (N, C, L, ...)
    size : int
    alpha, beta, k : float

    Raises
    ------
    ValueError
        If the input has fewer than 3 dimensions.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural
    Networks, 2012.
    """
    check_floating("local_response_norm", input)
    ndim = input.array.ndim
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {ndim} dimensions)")
    C = input.array.shape[1]
    squares = pad(input * input, (0, 0) * (ndim - 2) + (size // 2, (size - 1) // 2))
    total = squares[:, :C]
    for j in range(1, size):
        total = total + squares[:, j : j + C]
    return input / (total * (alpha / size) + k) ** beta
