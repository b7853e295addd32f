"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Device, backend_for, default_device
from ..dtypes import as_dtype, get_default_dtype
from ..tensor import Tensor
from .functional.batch_norm import counted_batch_norm
from .norm import Affine

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Tracking"]


class Tracking(Affine):
    """What batch and instance norm share: weight, bias and running statistics of each channel."""

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    _ndims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if momentum is not None and momentum < 0:
            raise ValueError(f"momentum must not be negative, got {momentum}")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make((num_features,), affine, affine and bias, device=device, dtype=dtype)
        if track_running_stats:
            place = default_device() if device is None else Device(device)
            kind = get_default_dtype() if dtype is None else as_dtype(dtype)
            backend = backend_for(place)
            for name, array in (
                ("running_mean", np.zeros(num_features, kind)),
                ("running_var", np.ones(num_features, kind)),
                ("num_batches_tracked", np.zeros((), np.int64)),
            ):
                self.register_buffer(name, Tensor(backend.from_numpy(array, place)))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.array.fill(0)
            self.running_var.array.fill(1)
            self.num_batches_tracked.array.fill(0)

    def reset_parameters(self) -> None:
        """Forget all batches, and fill the weight with ones and the bias with zeros."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_axes(self, array: Any) -> None:
        if array.ndim not in self._ndims:
            expected = " or ".join(f"{n}D" for n in self._ndims)
            raise ValueError(f"expected {expected} input (got {array.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(Tracking):
    def forward(self, input: Any) -> Any:
        return self.activated(input, "identity")

    def activated(self, input: Any, activation: str) -> Any:
        """``act(forward(input))`` in one operation, for "relu" or "identity"."""
        self._check_axes(input.array)
        momentum = self.momentum
        if self.training:
            if not self.track_running_stats:
                return counted_batch_norm(
                    input, None, None, self.weight, self.bias, True, 0.0, self.eps, None,
                    activation,
                )  # fmt: skip
            count = self.num_batches_tracked
            if momentum is None:
                # The average of all batches; without a count there is none, as in PyTorch.
                momentum = 0.0 if count is None else -1.0
            return counted_batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias,
                True, momentum, self.eps, count, activation,
            )  # fmt: skip
        return counted_batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.running_mean is None and self.running_var is None, 0.0, self.eps, None,
            activation,
        )  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, feature by feature.

    In training, `mean` and (biased) `var` are those of the batch, and the running statistics move
    towards them; in evaluation they are the running statistics.

    Parameters
    ----------
    num_features : int
        C.
    eps : float
        Default: 1e-5.
    momentum : float, optional
        How far the running statistics move with each batch. None for the average of all batches.
        Default: 0.1.
    affine : bool
        Whether there are weight and bias. Default: True.
    track_running_stats : bool
        Whether there are running statistics; without them evaluation takes those of the batch too.
        Default: True.
    device, dtype : optional
        Of the parameters and the statistics.
    bias : bool
        Whether there is a bias beside the weight. Default: True.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        Ones and zeros at first.
    running_mean, running_var : Tensor of shape (C,), or None
        Zeros and ones at first. The variance is the unbiased one.
    num_batches_tracked : Tensor of shape (), or None
        How many batches have moved the running statistics.

    Input and output have shape (N, C) or (N, C, L).

    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: input and output have shape (N, C, H, W)."""

    _ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes: input and output have shape (N, C, D, H, W)."""

    _ndims = (5,)
