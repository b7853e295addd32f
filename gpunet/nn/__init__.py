"""Layers and models, as ``torch.nn``."""

from __future__ import annotations

from . import functional, init, utils
from .container import ModuleDict, ModuleList
from .flatten import Flatten, Unflatten
from .linear import Bilinear, Identity, Linear
from .module import Module
from .parameter import Parameter
from .parameter_container import ParameterDict, ParameterList
from .sequential import Sequential

__all__ = [
    "Bilinear",
    "Flatten",
    "Identity",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "Unflatten",
    "functional",
    "init",
    "utils",
]
