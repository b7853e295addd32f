"""Arrays in safetensors files: no pickle, readable by every framework."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd import Variable
from ..backend import Device, backend_for, backend_of, resolve_device
from ..dtypes import bfloat16_dtype
from ..tensor import Tensor
from .atomic import replacing
from .checksum import KEY, checksum, split_checksum

__all__ = ["load_file", "load_metadata", "on_host", "read_file", "save_file"]

#: The dtypes that NumPy and the format both have, by NumPy's name and by the format's.
_DTYPES = {
    **{"bool": "BOOL", "bfloat16": "BF16"},
    **{"float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64"},
    **{"int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64"},
    **{"uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64"},
}
#: Readers of the format refuse a longer header.
_LONGEST_HEADER = 100_000_000


def save_file(
    tensors: Mapping[str, Any],
    filename: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file, which takes the place of an earlier one when complete.

    The file holds a checksum of its content among its metadata, which `load_file` verifies. The
    same content is always the same bytes.

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
        For a dtype or a name that the format does not have.
    OSError
        If the file cannot be written; an earlier file is then unchanged.
    """
    import safetensors.numpy

    metadata = dict(metadata or {})
    for key, text in metadata.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(f"metadata: expected strings only, got {key!r}: {text!r}")
    if KEY in metadata:
        raise ValueError(f"metadata: {KEY!r} is the key of the checksum that save_file adds")
    arrays = {}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"tensors: expected strings as names, got {name!r}")
        if name == "__metadata__":
            raise ValueError("tensors: '__metadata__' is the format's own and no name of a tensor")
        try:
            arrays[name] = on_host(value)
        except TypeError:
            raise TypeError(
                f"tensors[{name!r}]: expected a tensor or an array, got {type(value).__name__}"
            ) from None
        if arrays[name].dtype.name not in _DTYPES:
            raise ValueError(
                f"{os.fspath(filename)} cannot be written: tensors[{name!r}] has dtype "
                f"{arrays[name].dtype}, which the format lacks"
            )
    try:
        metadata[KEY] = checksum(arrays, arrays.__getitem__, metadata)
        content = safetensors.numpy.save(arrays, metadata)
    except (safetensors.SafetensorError, UnicodeEncodeError) as error:
        raise ValueError(f"{os.fspath(filename)} cannot be written: {error}") from None
    header, values = _with_sorted_metadata(content)
    if len(header) - 8 > _LONGEST_HEADER:
        raise ValueError(
            f"{os.fspath(filename)} cannot be written: names and metadata take "
            f"{len(header) - 8:,} bytes, where the format allows {_LONGEST_HEADER:,}"
        )
    with replacing(filename) as file:
        file.write(header)
        file.write(values)


def _with_sorted_metadata(content: bytes) -> tuple[bytes, memoryview]:
    """Header and values of a file's content, the metadata in the order of their keys.

    The library writes them in a random order; the same content should be the same bytes.
    """
    (length,) = struct.unpack("<Q", content[:8])
    entries = json.loads(content[8 : 8 + length])
    entries["__metadata__"] = dict(sorted(entries["__metadata__"].items()))
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # so that the values are aligned
    return struct.pack("<Q", len(header)) + header, memoryview(content)[8 + length :]


def on_host(value: Any) -> np.ndarray:
    """A tensor or an array as a C-ordered NumPy array in this machine's byte order."""
    array = value.array if isinstance(value, Variable) else value
    array = backend_of(array).to_numpy(array)
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
        If the file is not a whole safetensors file, holds a dtype that NumPy lacks, or has
        a checksum, as those that gpunet wrote do, which its content does not have.
    """
    place, _ = resolve_device(device)
    backend = backend_for(place)
    arrays, _metadata = read_file(filename)
    return {name: Tensor(backend.from_numpy(array, place)) for name, array in arrays.items()}


def load_metadata(filename: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a safetensors file; empty where it has none. Raises as `load_file`.

    Where the file has a checksum this reads all of it, one tensor at a time.
    """
    with _open(filename) as file:
        metadata, expected = _metadata(file, filename)
        if expected is not None:
            found = checksum(file.keys(), lambda name: _array(file, name, filename), metadata)
            _compare(found, expected, filename)
    return metadata


def read_file(filename: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a safetensors file. Raises as `load_file`."""
    with _open(filename) as file:
        metadata, expected = _metadata(file, filename)
        arrays = {name: _array(file, name, filename) for name in file.keys()}  # noqa: SIM118
    if expected is not None:
        _compare(checksum(arrays, arrays.__getitem__, metadata), expected, filename)
    return arrays, metadata


def _open(filename: str | os.PathLike[str]) -> Any:
    import safetensors

    if os.path.isdir(filename):
        raise IsADirectoryError(f"{os.fspath(filename)} is a folder, not a safetensors file")
    try:
        file = safetensors.safe_open(filename, framework="np")
    except safetensors.SafetensorError as error:
        raise _not_whole(filename, error) from None
    # The library takes the last of two entries of one name, and does not say so.
    with open(filename, "rb") as again:
        (length,) = struct.unpack("<Q", again.read(8))
        try:
            json.loads(again.read(length), object_pairs_hook=_without_duplicates)
        except ValueError as error:
            raise _not_whole(filename, error) from None
    return file


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two entries of its header are named {twice!r}")
    return entries


def _metadata(file: Any, filename: str | os.PathLike[str]) -> tuple[dict[str, str], str | None]:
    try:
        return split_checksum(file.metadata() or {})
    except ValueError as error:
        raise _not_whole(filename, error) from None


def _array(file: Any, name: str, filename: str | os.PathLike[str]) -> np.ndarray:
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _DTYPES.values():
        raise ValueError(
            f"{os.fspath(filename)}: tensor {name!r} has dtype {dtype}, which NumPy lacks; "
            "save it as F32"
        )
    if dtype == "BF16":
        bfloat16_dtype()  # the library finds it once it is imported
    try:
        array: np.ndarray = file.get_tensor(name)
    except ValueError as error:  # a shape that NumPy does not have
        raise _not_whole(filename, f"tensor {name!r}: {error}") from None
    if dtype == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise _not_whole(filename, f"tensor {name!r} of dtype BOOL has bytes other than 0 and 1")
    return array


def _compare(found: str, expected: str, filename: str | os.PathLike[str]) -> None:
    if found != expected:
        raise _not_whole(
            filename,
            f"its content has the checksum {found}, where it says {expected}; it was damaged, or "
            f"changed by a program that kept the metadata {KEY!r}",
        )


def _not_whole(filename: str | os.PathLike[str], error: object) -> ValueError:
    return ValueError(f"{os.fspath(filename)} is not a whole safetensors file: {error}")
