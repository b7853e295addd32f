"""Checks of hyper-parameters, and copies of an optimiser's state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Array, backend_of
from ..tensor import Tensor

__all__ = ["check_at_least_zero", "check_betas", "copied", "numpy_copy", "placed"]


def copied(value: Any) -> Any:
    """`value` with copies of the tensors in it."""
    if isinstance(value, Variable):
        return Tensor(value.array.copy())
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(v) for v in value)
    return value


def placed(value: Any, like: Array) -> Any:
    """`value` with copies of the tensors in it, on the device and of the dtype of `like`."""
    if isinstance(value, dict):
        return {k: placed(v, like) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(placed(v, like) for v in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    backend = backend_of(like)
    array = backend.from_numpy(numpy_copy(value).astype(like.dtype), backend.device_of(like))
    return Tensor(array)


def numpy_copy(value: Any) -> np.ndarray:
    """The values of a tensor of gpunet or PyTorch, or of an array, as a new NumPy array."""
    array = value.array if isinstance(value, Variable) else value
    if type(array).__module__.partition(".")[0] == "cupy":
        array = backend_of(array).to_numpy(array)
    elif hasattr(array, "detach"):  # a tensor of PyTorch
        array = array.detach().cpu().numpy()
    return np.array(array)


def check_at_least_zero(**values: float) -> None:
    """Raise PyTorch's ValueError for the first value that is negative or NaN."""
    words = {"lr": "learning rate", "eps": "epsilon value"}
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {words.get(name, f'{name} value')}: {value}")


def check_betas(betas: tuple[float, float]) -> None:
    """Raise PyTorch's ValueError unless both lie in [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
