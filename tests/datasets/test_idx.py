"""IDX files of every dtype and rank, plain and compressed; what is none."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from gpunet.datasets import read_idx

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx_of(array):
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 0, 2), (2, 3), (5, 4, 3), (1,) * 40])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_dtype_and_rank(dtype, shape, compressed, tmp_path):
    values = np.random.default_rng(0).integers(-100, 100, shape)
    array = np.asarray(values).astype(dtype)
    path = tmp_path / ("x.gz" if compressed else "x")
    content = idx_of(array)
    path.write_bytes(gzip.compress(content) if compressed else content)
    back = read_idx(path, f"sha256:{hashlib.sha256(content).hexdigest()}")
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)
    back[...] = 1
    assert back.flags.c_contiguous


def test_compressed_in_several_parts_and_filled_with_zeros(tmp_path):
    array = np.arange(100_000, dtype=np.int32)
    content = idx_of(array)
    path = tmp_path / "x"  # known by its first bytes, not by its name
    path.write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]) + bytes(1000))
    np.testing.assert_array_equal(read_idx(path), array)


IMAGES = idx_of(np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "4 bytes of header are expected"),
        (IMAGES[:10], "12 bytes of header are expected from byte 4 on, where the file has 10"),
        (b"PK\3\4" + IMAGES, r"an IDX file begins with 0, 0, .* found 80, 75, 3, 4"),
        (b"\0\0\7\1" + IMAGES[4:], "found 0, 0, 7, 1"),
        (b"\0\0\10\101" + IMAGES, "rank of at most 64; found 0, 0, 8, 65"),
        (IMAGES[:-1], r"\(2, 3, 3\) of uint8, 18 bytes, where 17 follow"),
        (IMAGES + b"\0", r"\(2, 3, 3\) of uint8, 18 bytes, where 19 follow"),
        (gzip.compress(IMAGES[:-1]), r"it ends after 33 bytes, 1 short of the 18 bytes of values"),
        (gzip.compress(IMAGES + b"\0"), "it goes on after the 34 bytes that it should have"),
        (gzip.compress(IMAGES)[:-9], "the compressed data end early"),
        (gzip.compress(IMAGES)[:-8] + bytes(8), r"compressed data are damaged \(.*incorrect"),
        (gzip.compress(IMAGES) + b"more", "compressed data are damaged"),
        (
            gzip.compress(b"\0\0\10\3" + b"\xff" * 12),
            r"values \(\(4294967295, .*expected .* compressed file can hold [\d,]+ at most",
        ),
        (
            b"\0\0\10\4" + bytes(4) + b"\xff" * 12,
            r"its header says \(0, 4294967295, 4294967295, 4294967295\): array is too big",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # compressed bytes hold the time
)
def test_what_is_wrong_is_said(content, message, tmp_path):
    path = tmp_path / "odd-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"odd-idx3-ubyte: .*{message}"):
        read_idx(path)


def test_a_name_that_says_gzip(tmp_path):
    (tmp_path / "x.gz").write_bytes(IMAGES)
    with pytest.raises(ValueError, match=r"x\.gz: it does not begin as a gzip file does"):
        read_idx(tmp_path / "x.gz")


def test_a_checksum_that_differs(tmp_path):
    (tmp_path / "x").write_bytes(IMAGES)
    with pytest.raises(ValueError, match=r"x: its content has the md5 .*, expected 00: it is"):
        read_idx(tmp_path / "x", "md5:00")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_idx(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        read_idx(tmp_path)
