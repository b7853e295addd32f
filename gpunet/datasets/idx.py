"""IDX files, the format of MNIST: arrays of any rank with a header of a few bytes.

::

    0  0  dtype  rank | size of axis 0 | size of axis 1 | ... | values, last axis fastest
    1  1  1      1      4                4                      big-endian all

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import math
import os

import numpy as np

from .content import Content, check

__all__ = ["read_idx"]

_DTYPES = {
    code: np.dtype(name)
    for code, name in {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}.items()
}
_HIGHEST_RANK = 64  # NumPy's


def read_idx(path: str | os.PathLike[str], checksum: str | None = None) -> np.ndarray:
    """The array of an IDX file, plain or compressed by gzip.

    Parameters
    ----------
    path : path
    checksum : str, optional
        Of the decompressed content: algorithm and value, as in ``"sha256:9f86d0..."``.

    Returns
    -------
    array
        Of the file's dtype, in this machine's byte order. It belongs to the caller.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is no IDX file, is damaged, ends early or goes on for too long. The message
        names the file; no more memory is taken than the content has.
    """
    with Content(path) as content:
        head = content.read(4, "header")
        zeros, code, rank = head[:2], head[2], head[3]
        if zeros != b"\0\0" or code not in _DTYPES or rank > _HIGHEST_RANK:
            raise content.error(
                f"an IDX file begins with 0, 0, a dtype of {', '.join(map(str, _DTYPES))} and a "
                f"rank of at most {_HIGHEST_RANK}; found {', '.join(map(str, head))}"
            )
        sizes = content.read(4 * rank, "header")
        shape = tuple(np.frombuffer(sizes, ">u4").tolist())
        dtype = _DTYPES[code]
        size = math.prod(shape) * dtype.itemsize
        if not content.compressed and size != content.largest - content.position:
            raise content.error(
                f"its header says {shape} of {dtype.name}, {size:,} bytes, where "
                f"{content.largest - content.position:,} follow"
            )
        values = content.read(size, f"values ({shape} of {dtype.name}, as its header says)")
        content.end()
        check(content, checksum, head, sizes, values)
    try:
        array = np.frombuffer(values, dtype).reshape(shape)
    except ValueError as error:  # axes whose product is 0 and which NumPy does not have
        raise content.error(f"its header says {shape}: {error}") from None
    native = dtype.newbyteorder("=")
    if native != dtype:
        array.byteswap(inplace=True)
    return array.view(native)
