"""Normalisation of samples: layer, RMS and group norm."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from . import init
from .functional.norm import group_norm, layer_norm, rms_norm
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Affine", "GroupNorm", "LayerNorm", "RMSNorm"]


class Affine(Module):
    """A layer with a weight that starts as ones and a bias that starts as zeros."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape: tuple[int, ...], weight: bool, bias: bool, **place: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            parameter = empty_parameter(*shape, **place) if wanted else None
            self.register_parameter(name, parameter)

    def reset_parameters(self) -> None:
        """Fill the weight with ones and the bias with zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(Affine):
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over the last axes of each
    sample.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        S, the lengths of the axes over which mean and (biased) variance are taken.
    eps : float
        Default: 1e-5.
    elementwise_affine : bool
        Whether there are weight and bias. Default: True.
    bias : bool
        Whether there is a bias beside the weight. Default: True.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight, bias : Parameter of shape S, or None
        Ones and zeros at first.

    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        with_bias = elementwise_affine and bias
        self._make(self.normalized_shape, elementwise_affine, with_bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Affine):
    """``Y = X / sqrt(mean(X^2) + eps) weight``, with the mean over the last axes of each sample.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        S, the lengths of the axes over which the mean is taken.
    eps : float, optional
        The dtype's machine epsilon by default.
    elementwise_affine : bool
        Whether there is a weight. Default: True.
    device, dtype : optional
        Of the weight.

    Attributes
    ----------
    weight : Parameter of shape S, or None
        Ones at first.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
    """

    bias = None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = None
        if elementwise_affine:
            weight = empty_parameter(*self.normalized_shape, device=device, dtype=dtype)
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Affine):
    """``Y = (X - mean) / sqrt(var + eps) weight + bias``, statistics over each group of channels
    of each sample.

    Parameters
    ----------
    num_groups : int
    num_channels : int
        C, a multiple of `num_groups`.
    eps : float
        Default: 1e-5.
    affine : bool
        Whether there are weight and bias. Default: True.
    device, dtype : optional
        Of the parameters.
    bias : bool
        Whether there is a bias beside the weight. Default: True.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        Ones and zeros at first.

    Input and output have shape (N, C, ...).

    Source: Wu and He, Group Normalization, 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_groups <= 0 or num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make((num_channels,), affine, affine and bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def _as_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, Sequence):
        return tuple(map(index, normalized_shape))
    return (index(normalized_shape),)
