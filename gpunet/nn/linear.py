"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from . import init
from .functional.linear import bilinear, linear, linear_act
from .module import Module
from .parameter import Parameter, empty_parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """``Y = X``, whatever arguments it is made with."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """``Y = X W^T + b``.

    Parameters
    ----------
    in_features : int
        K, the length of the input's last axis.
    out_features : int
        N, the length of the output's last axis.
    bias : bool
        Whether there is a b. Default: True.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter of shape (N, K)
        Drawn from ``U(-1/sqrt(K), 1/sqrt(K))``.
    bias : Parameter of shape (N,), or None
        Drawn from the same.

    Input of shape (..., K) gives output of shape (..., N).
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = empty_parameter(out_features, in_features, device=device, dtype=dtype)
        if bias:
            self.bias = empty_parameter(out_features, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return linear(input, self.weight, self.bias)

    def activated(self, input: Any, activation: str) -> Any:
        """``act(forward(input))`` in one operation, for "relu", "sigmoid" or "tanh"."""
        return linear_act(input, self.weight, self.bias, activation)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """``y_n = x1^T W_n x2 + b_n``.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        K, J and N, the lengths of the last axes of the two inputs and of the output.
    bias : bool
        Whether there is a b. Default: True.
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    weight : Parameter of shape (N, K, J)
        Drawn from ``U(-1/sqrt(K), 1/sqrt(K))``.
    bias : Parameter of shape (N,), or None
        Drawn from the same.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = empty_parameter(
            out_features, in1_features, in2_features, device=device, dtype=dtype
        )
        if bias:
            self.bias = empty_parameter(out_features, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
