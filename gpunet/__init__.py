"""gpunet: neural networks on plain NumPy and CuPy arrays.

The public interface is PyTorch's: ``import gpunet as torch`` runs a script that stays inside what
gpunet has.
"""

from __future__ import annotations

__version__ = "0.1.0"

from .autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .backend import Device as device
from .tensor import Tensor

__all__ = [
    "Tensor",
    "device",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
