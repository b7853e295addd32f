"""Which units are saturated or dead, by activation.

====================  ==================================  ====================
activation            a value is saturated where          and zero where
====================  ==================================  ====================
Sigmoid               ``a (1 - a) < t / 4``
Tanh                  ``1 - a^2 < t``
Softsign              ``(1 - |a|)^2 < t``
Hardtanh              ``a`` is at a bound
ReLU6                 ``a = 6``                           ``a = 0``
ReLU                                                      ``a = 0``
Softmax               ``p (1 - p) < t / 4``, p near 1
====================  ==================================  ====================

with `t` = `SATURATED_SLOPE`. With a softmax, p is the largest probability of a sample, and this
holds for all units of the sample: p is so near to 1 that no score has an influence any more.

The slope of other activations is nowhere zero, or on one side only in the limit (LeakyReLU, ELU,
GELU, SiLU, Mish, Softplus, LogSoftmax): their units are neither saturated nor dead in this count.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..backend import Array, backend_of
from .thresholds import SATURATED_SLOPE

__all__ = [
    "ACTIVATIONS",
    "UnitCount",
    "Values",
    "is_convolution",
    "of_module",
    "of_node",
    "unit_axis",
]

#: The modules that are activations.
ACTIVATIONS = (
    nn.ELU,
    nn.GELU,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSoftmax,
    nn.Mish,
    nn.ReLU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softmax,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)

#: Operations on the tape that are activations: ``F.relu(x)`` and the like.
_FUNCTIONS = (
    "elu",
    "gelu",
    "gelu_tanh",
    "hardtanh",
    "leaky_relu",
    "mish",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
)

#: Layers that hold the weights of filters, in ``weight`` (O, I, K...), or (I, O, K...) transposed.
_CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_CHANNELS_FIRST = (*_CONVOLUTIONS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm)
_FEATURES_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.LayerNorm, nn.RMSNorm)

#: Truth values of the shape of the activations: which are saturated, which are zero. None where the
#: activation has no such thing.
Values = tuple[Array | None, Array | None]


def unit_axis(module: nn.Module, ndim: int) -> int:
    """The axis of the output of `module` whose entries are its units; all others are samples."""
    if isinstance(module, _CHANNELS_FIRST):
        return 1
    return ndim - 1 if isinstance(module, _FEATURES_LAST) or ndim < 4 else 1


def is_convolution(module: nn.Module) -> bool:
    """Whether `module` slides filters over its input."""
    return isinstance(module, _CONVOLUTIONS)


def of_module(module: nn.Module, A: Array) -> Values:
    """Which of the outputs `A` of an activation are saturated and zero."""
    xp = backend_of(A).xp
    if isinstance(module, nn.Sigmoid):
        return A * (1 - A) < SATURATED_SLOPE / 4, None
    if isinstance(module, nn.Tanh):
        return 1 - A * A < SATURATED_SLOPE, None
    if isinstance(module, nn.Softsign):
        return (1 - abs(A)) ** 2 < SATURATED_SLOPE, None
    if isinstance(module, nn.ReLU):
        return None, A == 0
    if isinstance(module, nn.Hardtanh):
        return _bounded(A, module.min_val, module.max_val)
    if isinstance(module, nn.Softmax) and A.ndim:
        axis = module.dim
        if axis is None:  # as F.softmax chooses it
            axis = 0 if A.ndim in (1, 3) else 1
        p = A.max(axis=axis, keepdims=True)
        saturated = (p > 0.5) & (p * (1 - p) < SATURATED_SLOPE / 4)
        return xp.broadcast_to(saturated, A.shape), None
    return None, None


def of_node(node: Any) -> tuple[str, Values] | None:
    """The name of the activation that `node` of the tape is, and its values; None for another."""
    name = getattr(node.function, "name", "")
    if name not in _FUNCTIONS or node.saved is None:
        return None
    X, low, high = node.saved  # the output in the case of relu, sigmoid and tanh
    if name == "relu":
        return name, (None, X <= 0)
    if name == "sigmoid":
        return name, (X * (1 - X) < SATURATED_SLOPE / 4, None)
    if name == "tanh":
        return name, (1 - X * X < SATURATED_SLOPE, None)
    if name == "softsign":
        return name, ((1 / (1 + abs(X))) ** 2 < SATURATED_SLOPE, None)
    if name == "hardtanh":
        return name, _bounded(X, low, high)
    return name, (None, None)


def _bounded(A: Array, low: float, high: float) -> Values:
    """A lower bound of 0 is that of a ReLU."""
    if low == 0:
        return high <= A, A <= 0
    return (low >= A) | (high <= A), None


class UnitCount:
    """For each unit, in how many samples something was the case.

    Attributes
    ----------
    counts : int array of shape (U,), or None
        On the device; None as long as nothing was counted.
    samples : int
        How often each unit was looked at: samples, positions and uses of the layer.
    """

    def __init__(self) -> None:
        self.counts: Any = None
        self.samples = 0

    def add(self, values: Array, axis: int) -> None:
        """Count truth values in; the units are along `axis`."""
        others = tuple([i for i in range(values.ndim) if i != axis])
        counts = values.sum(axis=others, dtype="int64") if others else values.astype("int64")
        self.counts = counts if self.counts is None else self.counts + counts
        self.samples += values.size // max(values.shape[axis], 1)

    # The shares are on the device, and None where nothing was counted.

    def share(self) -> Any:
        """The share of all values."""
        return None if self.counts is None else self.counts.mean() / self.samples

    def always(self) -> Any:
        """The share of the units with which it was always the case."""
        return None if self.counts is None else (self.counts == self.samples).mean()

    def mostly(self) -> Any:
        """The share of the units with which it was the case in more than half the samples."""
        return None if self.counts is None else (2 * self.counts > self.samples).mean()
