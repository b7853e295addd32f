"""The checksum that gpunet writes into its safetensors files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np

__all__ = ["KEY", "checksum", "split_checksum"]

#: The metadata's key, and how its value begins.
KEY = "gpunet.checksum"
_MARK = "gpunet-sha256:"


def checksum(
    names: Iterable[str], array_of: Callable[[str], np.ndarray], metadata: Mapping[str, str]
) -> str:
    """SHA-256 of names, dtypes, shapes and values of the arrays and of the other metadata.

    It depends on the content and not on how the file is laid out, so that another program may write
    the same content again. SHA-256 is the fastest of `hashlib` on processors with instructions for
    it (1.4 GB/s, where BLAKE2b reaches 1.0 and MD5 0.7).

    Parameters
    ----------
    names : iterable of str
    array_of : callable
        The array of a name; called once for each, so that one array at a time need be in memory.
    metadata : mapping of str to str
    """
    total = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(names):
        array = array_of(name)
        array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        total.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return _MARK + total.hexdigest()


def split_checksum(metadata: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """The metadata without the checksum, and the checksum; None in files of other programs.

    Raises
    ------
    ValueError
        If there is a checksum under another name, which is what a flipped bit in its name makes.
    """
    others = {key: text for key, text in metadata.items() if key != KEY}
    for key, text in others.items():
        if text.startswith(_MARK):
            raise ValueError(f"its checksum is named {key!r} and not {KEY!r}")
    return others, metadata.get(KEY)
