"""Nested states, such as a training run's, in one safetensors file: arrays there, the rest JSON."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Array, Backend, Device, backend_for, resolve_device
from ..tensor import Tensor
from .safetensors import on_host, read_file, save_file

__all__ = ["load_state", "save_state"]

#: Written into each file; a reader refuses a later one.
_FORMAT = 1
_KIND, _VERSION, _TREE = "gpunet.kind", "gpunet.format", "gpunet.state"
#: Structures that are nested deeper are taken for such as contain themselves.
_DEEPEST = 100
# What JSON does not have is an object of one of these keys:
_TENSOR, _HOST, _DEVICE, _SCALAR = "$tensor", "$array", "$device array", "$scalar"  # a name
_FLOAT = "$float"  # the bits of an infinity or a NaN
_TUPLE = "$tuple"  # a list
_DICT = "$dict"  # a list of keys and values, where not all keys are text, or one begins with $


def save_state(state: Any, filename: str | os.PathLike[str], kind: str) -> None:
    """Write a nested structure to one safetensors file, complete or not at all.

    Each array is a tensor of the file, named after its path (``model.0.weight``). The rest is JSON
    in the file's metadata.

    Parameters
    ----------
    state : dict, list, tuple, str, int, float, bool, None, Tensor, array or NumPy scalar
        Dicts have keys of type str or int. Instances of subclasses come back as these types, and
        tensors without a tape and with ``requires_grad=False``.
    filename : path
    kind : str
        What this is, such as ``"checkpoint"``; `load_state` asks for it.

    Raises
    ------
    TypeError
        For any other value or key; it names the place.
    ValueError
        For an array of a dtype that the format does not have, or a structure that contains itself.
    OSError
        If the file cannot be written; an earlier file is then unchanged.

    Examples
    --------
    >>> state = {"step": 3, "model": model.state_dict()}  # doctest: +SKIP
    >>> save_state(state, "last.safetensors", "checkpoint")  # doctest: +SKIP
    """
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(_packed(state, (), arrays), separators=(",", ":"))
    save_file(arrays, filename, {_KIND: kind, _VERSION: str(_FORMAT), _TREE: tree})


def load_state(filename: str | os.PathLike[str], kind: str, device: str | Device = "cpu") -> Any:
    """Read what `save_state` wrote.

    Parameters
    ----------
    filename : path
    kind : str
        What the file should be.
    device : str or Device
        For tensors and for arrays that were on a GPU; NumPy arrays come back as such.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is damaged, is no state or one of another kind, or was written by a later
        version.
    """
    place, _ = resolve_device(device)
    backend = backend_for(place)
    arrays, metadata = read_file(filename)
    name = os.fspath(filename)
    if _KIND not in metadata:
        raise ValueError(f"{name} is a safetensors file of tensors alone, not a {kind}")
    if metadata[_KIND] != kind:
        raise ValueError(f"{name} is a {metadata[_KIND]}, not a {kind}")
    if metadata.get(_VERSION) != str(_FORMAT):
        raise ValueError(
            f"{name}: this {kind} has format {metadata.get(_VERSION)}, where this version of "
            f"gpunet reads format {_FORMAT}; it was written by another version"
        )
    try:
        return _unpacked(json.loads(metadata[_TREE]), _Reader(arrays, backend, place))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, struct.error) as error:
        raise ValueError(f"{name} is not a whole {kind}: {error!r}") from None


def _packed(value: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON has it; its arrays go into `arrays`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):  # np.float64 is a float as well
        return {_SCALAR: _named(np.asarray(value), path, arrays)}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: struct.pack(">d", value).hex()}
    if isinstance(value, Variable):
        return {_TENSOR: _named(value, path, arrays)}
    if len(path) >= _DEEPEST:
        raise ValueError(
            f"state{_shown(path[:5])}... is nested deeper than {_DEEPEST}, or contains itself"
        )
    if isinstance(value, Mapping):
        return _packed_dict(value, path, arrays)
    if isinstance(value, list | tuple):
        items = [_packed(item, (*path, str(i)), arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {_TUPLE: items}
    mark = _HOST if isinstance(value, np.ndarray) else _DEVICE
    return {mark: _named(value, path, arrays)}


def _packed_dict(
    value: Mapping[Any, Any], path: tuple[str, ...], arrays: dict[str, np.ndarray]
) -> Any:
    for key in value:
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise TypeError(
                f"state{_shown(path)}: expected keys of type str or int, got {key!r} of type "
                f"{type(key).__name__}"
            )
    items = {key: _packed(item, (*path, str(key)), arrays) for key, item in value.items()}
    if all([isinstance(key, str) and not key.startswith("$") for key in items]):
        return items
    return {_DICT: [[key, item] for key, item in items.items()]}


def _named(value: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> str:
    """Put an array under the name of its path, or where that is taken one like it."""
    try:
        array = on_host(value)
    except TypeError:
        raise TypeError(
            f"state{_shown(path)}: expected a tensor, an array, a dict, list or tuple, a number, "
            f"text or None, got {type(value).__name__}"
        ) from None
    plain = ".".join(path).encode(errors="backslashreplace").decode()
    name, number = plain, 2
    while name in arrays or name == "__metadata__":
        name, number = f"{plain}~{number}", number + 1
    arrays[name] = array
    return name


def _shown(path: tuple[str, ...]) -> str:
    return "".join([f"[{key!r}]" for key in path])


class _Reader:
    """Where the arrays of a state come from and go to."""

    def __init__(self, arrays: dict[str, np.ndarray], backend: Backend, device: Device):
        self.arrays = arrays
        self.backend = backend
        self.device = device

    def there(self, name: str) -> Array:
        return self.backend.from_numpy(self.arrays[name], self.device)


def _unpacked(value: Any, reader: _Reader) -> Any:
    """The inverse of `_packed`."""
    if isinstance(value, list):
        return [_unpacked(item, reader) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not next(iter(value)).startswith("$"):
        return {key: _unpacked(item, reader) for key, item in value.items()}
    ((mark, content),) = value.items()
    if mark == _TENSOR:
        return Tensor(reader.there(content))
    if mark == _HOST:
        return reader.arrays[content]
    if mark == _DEVICE:
        return reader.there(content)
    if mark == _SCALAR:
        return reader.arrays[content][()]
    if mark == _FLOAT:
        return struct.unpack(">d", bytes.fromhex(content))[0]
    if mark == _TUPLE:
        return tuple([_unpacked(item, reader) for item in content])
    if mark == _DICT:
        return {key: _unpacked(item, reader) for key, item in content}
    raise ValueError(f"it has a value marked {mark!r}, which this version does not know")
