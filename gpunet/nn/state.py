"""Loading a `state_dict` into a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..autograd import Variable
from ..backend import Array, backend_of
from ..dtypes import is_known

__all__ = ["IncompatibleKeys", "load", "load_tensors"]


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What `Module.load_state_dict` returns: the keys that were absent, and those without a use."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


def load(module: Any, state_dict: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Copy the values of `state_dict` into the tensors of `module`, or change nothing and raise."""
    return load_tensors(
        type(module).__name__, module.state_dict(keep_vars=True), state_dict, strict
    )


def load_tensors(
    owner: str, own: Mapping[str, Any], state_dict: Mapping[str, Any], strict: bool
) -> IncompatibleKeys:
    """The same for the tensors `own` of something whose class is named `owner`."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict).__name__}.")
    missing = [key for key in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in own]
    problems = []
    if strict and missing:
        problems.append(f"Missing key(s) in state_dict: {_quoted(missing)}. ")
    if strict and unexpected:
        problems.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
    copies = []
    for key, tensor in own.items():
        if key in missing:
            continue
        try:
            values = _array(state_dict[key])
        except (TypeError, ValueError, RuntimeError) as error:
            problems.append(
                f'While copying the parameter named "{key}", expected a tensor or an array from '
                f"the checkpoint but received {type(state_dict[key]).__name__}: {error}"
            )
            continue
        shape = tensor.array.shape
        if shape == () and values.shape == (1,):
            values = values.reshape(())
        if not is_known(values.dtype):
            problems.append(
                f'While copying the parameter named "{key}": expected numbers, got an array of '
                f"dtype {values.dtype} from {type(state_dict[key]).__name__}"
            )
        elif values.shape != shape:
            problems.append(
                f"size mismatch for {key}: copying a param with shape {values.shape} from "
                f"checkpoint, the shape in current model is {shape}."
            )
        else:
            copies.append((tensor, values))
    if problems:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {owner}:\n\t" + "\n\t".join(problems)
        )
    for tensor, values in copies:
        copy_into(tensor, values)
    return IncompatibleKeys(missing, unexpected)


def copy_into(tensor: Variable, values: Array) -> None:
    """Overwrite the elements of `tensor`, in the memory that it has, from an array anywhere."""
    array = tensor.array
    if type(values) is not type(array):
        values = backend_of(values).to_numpy(values)
        backend = backend_of(array)
        values = backend.from_numpy(values, backend.device_of(array))
    array[...] = values
    tensor.mark_changed()


def _array(value: Any) -> Array:
    """The array of a tensor of ours, of an array, or of anything that NumPy can read."""
    if isinstance(value, Variable):
        return value.array
    if type(value) is np.ndarray or type(value).__module__.partition(".")[0] == "cupy":
        return value
    detach = getattr(value, "detach", None)  # PyTorch refuses to convert what requires a gradient
    return np.asarray(value if detach is None else detach())


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
