"""The binary files of CIFAR-10: records of a label and three planes of 32x32 bytes.

::

    label | red, 32 rows of 32 | green, 1,024 | blue, 1,024 | label | ...
    1       1,024                                            = 3,073 bytes a record

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .content import Content, check
from .images import Images, scaled
from .tar import members

__all__ = ["ARCHIVE", "FILES", "arranged", "locate", "read_cifar10", "read_cifar10_batch"]

_RECORD = 1 + 3 * 32 * 32
_CLASSES = 10
#: No file of the data set has more records than all its files together.
_MOST_RECORDS = 60_000
_LARGEST_ARCHIVE = 1 << 28
#: The files, and what they hold: checksums that torchvision's port to Ruby publishes.
FILES = {
    f"{name}.bin": f"sha256:{value}"
    for name, value in {
        "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    }.items()
}
ARCHIVE = "cifar-10-binary.tar.gz"
_PART = re.compile(r"(data_batch_[1-5]|test_batch)\.first(\d+)\.bin(\.gz)?")


class Batch(NamedTuple):
    """The records of one file."""

    name: str
    images: np.ndarray  # uint8 (N, 3, 32, 32), a view of the records
    labels: np.ndarray  # uint8 (N,)


def read_cifar10_batch(
    path: str | os.PathLike[str], checksum: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of one file of records, plain or compressed by gzip.

    Parameters
    ----------
    path : path
    checksum : str, optional
        Of the decompressed content: algorithm and value, as in ``"sha256:9f86d0..."``.

    Returns
    -------
    images : uint8 array of shape (N, 3, 32, 32)
        Red, green and blue; a view of the records, of which each has a label between its images.
    labels : uint8 array of shape (N,)
        0 to 9: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is no such file or is damaged. The message names it.
    """
    with Content(path, _MOST_RECORDS * _RECORD) as content:
        if not content.compressed and content.largest % _RECORD:
            raise _broken(content, content.largest)
        records = content.read_all()
        check(content, checksum, records)
        return _split(content, records)


def read_cifar10(path: str | os.PathLike[str]) -> Images:
    """All of CIFAR-10, or a part of it, as bytes.

    Parameters
    ----------
    path : path
        The archive ``cifar-10-binary.tar.gz``, or a folder with its files, plain or compressed by
        gzip: ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``; otherwise a part:
        files such as ``data_batch_1.first5000.bin`` and ``test_batch.first1000.bin``, whose names
        say how many records of the original they hold.

    Returns
    -------
    Images
        With images of uint8; `load_cifar10` gives them as float32.

    Raises
    ------
    FileNotFoundError
        If it is not there, or is a folder that lacks one of the files.
    ValueError
        If a file is damaged: the six files' checksums are known.
    """
    located = locate(path)
    if located is None:
        raise FileNotFoundError(
            f"{os.fspath(path)} has neither {ARCHIVE} nor all of {', '.join(FILES)} (or .gz), nor "
            "a part of them such as data_batch_1.first5000.bin and test_batch.first1000.bin"
        )
    return arranged(located, np.uint8)


def locate(path: str | os.PathLike[str]) -> Path | list[Path] | None:
    """The archive, or the files of a folder, from which `arranged` can read the data set."""
    path = Path(path)
    if not path.is_dir():
        return path
    names = set(os.listdir(path))
    whole = [next((n for n in (name, f"{name}.gz") if n in names), None) for name in FILES]
    if None not in whole:
        return [path / name for name in whole if name]
    if ARCHIVE in names:
        return path / ARCHIVE
    parts = sorted([name for name in names if _PART.fullmatch(name)])
    kinds = {name.partition("_")[0] for name in parts}
    return [path / name for name in parts] if len(kinds) == 2 else None


def arranged(located: Path | list[Path], dtype: type[np.generic]) -> Images:
    """The two parts of the data set; images as `dtype`, uint8 or float32 from 0 to 1."""
    batches = (
        [_read_batch(file) for file in located]
        if isinstance(located, list)
        else _read_archive(located)
    )
    parts = []
    for kind in ("data", "test"):
        of_kind = [batch for batch in batches if batch.name.startswith(kind)]
        count = sum([len(batch.labels) for batch in of_kind])
        images = np.empty((count, 3, 32, 32), dtype)
        rows = np.split(images, np.cumsum([len(batch.labels) for batch in of_kind])[:-1])
        for batch, out in zip(of_kind, rows):
            if dtype is np.uint8:
                out[:] = batch.images
            else:
                scaled(batch.images, out)
        parts += [images, np.concatenate([batch.labels for batch in of_kind]).astype(np.int64)]
    return Images(*parts)


def _read_batch(path: Path) -> Batch:
    name = path.name.removesuffix(".gz")
    images, labels = read_cifar10_batch(path, FILES.get(name))
    part = _PART.fullmatch(path.name)
    if part and len(labels) != int(part[2]):
        raise ValueError(f"{path}: it has {len(labels):,} records, and {part[2]} by its name")
    return Batch(name, images, labels)


def _read_archive(path: Path) -> list[Batch]:
    found = {}
    with Content(path, _LARGEST_ARCHIVE) as content:
        for member, size in members(content):
            name = member.rpartition("/")[2]
            if name not in FILES:
                continue
            if name in found:
                raise content.error(f"it has two files {name}")
            if size % _RECORD or not 0 < size <= _MOST_RECORDS * _RECORD:
                raise _broken(content, size)
            records = content.read(size, name)
            check(content, FILES[name], records)
            found[name] = Batch(name, *_split(content, records))
        if missing := [name for name in FILES if name not in found]:
            raise content.error(f"the archive has no {', '.join(missing)}")
    return [found[name] for name in FILES]


def _split(content: Content, records: bytearray) -> tuple[np.ndarray, np.ndarray]:
    if len(records) % _RECORD or not records:
        raise _broken(content, len(records))
    table = np.frombuffer(records, np.uint8).reshape(-1, _RECORD)
    labels = table[:, 0].copy()
    wrong = labels >= _CLASSES
    if wrong.any():
        row = int(wrong.argmax())
        raise content.error(f"record {row:,} has the label {labels[row]}, expected 0 to 9")
    return table[:, 1:].reshape(-1, 3, 32, 32), labels


def _broken(content: Content, size: int) -> ValueError:
    return content.error(
        f"{size:,} bytes are no whole number of records of {_RECORD:,} bytes, from 1 to "
        f"{_MOST_RECORDS:,} of them"
    )
