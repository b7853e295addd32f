"""Instance normalisation, and normalisation across neighbouring channels."""

from __future__ import annotations

import warnings
from typing import Any

from ..functions.shape import squeeze, unsqueeze
from .batch_norm import Tracking
from .functional.instance_norm import instance_norm, local_response_norm
from .module import Module

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LocalResponseNorm"]


class _InstanceNorm(Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Any) -> Any:
        array = input.array
        self._check_axes(array)
        single = array.ndim == self._ndims[0]
        dim = 0 if single else 1
        if array.shape[dim] != self.num_features:
            text = f"input's size at dim={dim}"
            if self.affine:
                raise ValueError(
                    f"expected {text} to match num_features ({self.num_features}), "
                    f"but got: {array.shape[dim]}."
                )
            warnings.warn(
                f"{text} does not match num_features, which is not used because affine=False",
                stacklevel=2,
            )
        result = instance_norm(
            unsqueeze(input, 0) if single else input,
            self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return squeeze(result, 0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over each channel of each
    sample.

    Parameters
    ----------
    num_features : int
        C.
    eps : float
        Default: 1e-5.
    momentum : float, optional
        How far the running statistics move with each batch. Default: 0.1.
    affine : bool
        Whether there are weight and bias. Default: False.
    track_running_stats : bool
        Whether there are running statistics, which evaluation then takes. Default: False.
    device, dtype : optional
        Of the parameters and the statistics.
    bias : bool
        Whether there is a bias beside the weight. Default: True.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        Ones and zeros at first.
    running_mean, running_var : Tensor of shape (C,), or None
        Zeros and ones at first.
    num_batches_tracked : Tensor of shape (), or None
        Stays 0, as in PyTorch.

    Input and output have shape (N, C, L) or (C, L).

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """

    _ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images: input and output have shape (N, C, H, W) or (C, H, W)."""

    _ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes: input and output have shape (N, C, D, H, W) or (C, D, H, W)."""

    _ndims = (4, 5)


class LocalResponseNorm(Module):
    """``Y[n, c] = X[n, c] / (k + alpha / size sum_j X[n, j]^2)^beta``, with j over `size`
    neighbouring channels. See `gpunet.nn.functional.local_response_norm`.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
