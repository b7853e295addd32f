"""Arrays in safetensors files: no pickle, readable by every framework."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Device, backend_for, backend_of, resolve_device
from ..tensor import Tensor
from .atomic import replacing

__all__ = ["load_file", "load_metadata", "save_file"]


def save_file(
    tensors: Mapping[str, Any],
    filename: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file, which takes the place of an earlier one when complete.

    Parameters
    ----------
    tensors : mapping of str to Tensor or array
        On any device, of any memory layout.
    filename : path
    metadata : mapping of str to str, optional

    Raises
    ------
    TypeError
        For a name or metadata that is no string, or a value that is no tensor.
    ValueError
        For a dtype that the format does not have.
    OSError
        If the file cannot be written; an earlier file is then unchanged.
    """
    import safetensors.numpy

    for key, text in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(f"metadata: expected strings only, got {key!r}: {text!r}")
    arrays = {}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"tensors: expected strings as names, got {name!r}")
        arrays[name] = _on_host(value, name)
    try:
        content = safetensors.numpy.save(arrays, dict(metadata) if metadata else None)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{os.fspath(filename)} cannot be written: {error}") from None
    with replacing(filename) as file:
        file.write(content)


def _on_host(value: Any, name: str) -> np.ndarray:
    """`value` as a C-ordered NumPy array in this machine's byte order."""
    array = value.array if isinstance(value, Variable) else value
    try:
        array = backend_of(array).to_numpy(array)
    except TypeError:
        raise TypeError(
            f"tensors[{name!r}]: expected a tensor or an array, got {type(value).__name__}"
        ) from None
    # The library writes an array's memory as it stands, whatever its strides say.
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def load_file(filename: str | os.PathLike[str], device: str | Device = "cpu") -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Parameters
    ----------
    filename : path
    device : str or Device

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is not a whole safetensors file, or holds a dtype that NumPy lacks.
    """
    place, _ = resolve_device(device)
    backend = backend_for(place)
    tensors = {}
    with _open(filename) as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            try:
                array = file.get_tensor(name)
            except TypeError:
                dtype = file.get_slice(name).get_dtype()
                raise ValueError(
                    f"{os.fspath(filename)}: tensor {name!r} has dtype {dtype}, which NumPy lacks; "
                    "save it as F32"
                ) from None
            tensors[name] = Tensor(backend.from_numpy(array, place))
    return tensors


def load_metadata(filename: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a safetensors file; empty where it has none. Raises as `load_file`."""
    with _open(filename) as file:
        return dict(file.metadata() or {})


def _open(filename: str | os.PathLike[str]) -> Any:
    import safetensors

    if os.path.isdir(filename):
        raise IsADirectoryError(f"{os.fspath(filename)} is a folder, not a safetensors file")
    try:
        return safetensors.safe_open(filename, framework="np")
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{os.fspath(filename)} is not a whole safetensors file: {error}"
        ) from None
