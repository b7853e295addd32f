"""Functions of tensors that layers are made of, as ``torch.nn.functional``."""

from __future__ import annotations

from .activation import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    mish,
    relu,
    relu6,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
)
from .dropout import dropout
from .embedding import embedding
from .linear import bilinear, linear

__all__ = [
    "bilinear",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "hardtanh",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
]
