"""Files of text as they were published: found, downloaded where they are missing, and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from .content import Content, check
from .download import Report, fetch
from .places import DatasetNotFound, Published, cache_folder, find

__all__ = ["Collection", "contents_of"]


class Collection(NamedTuple):
    """The files of a data set, and the addresses at which its publishers keep them.

    Attributes
    ----------
    title : str
    subfolders : tuple of str
        Where it is usually kept; the first is its name in the cache.
    mirrors : tuple of str
        Addresses to which a file's name is added.
    files : tuple of Published
    """

    title: str
    subfolders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[Published, ...]


def contents_of(
    collection: Collection,
    data: str | os.PathLike[str] | None,
    may_download: bool,
    report: Report,
) -> list[tuple[str, bytes]]:
    """Name and content of each file of `collection`, compared with the published checksum.

    A folder counts that has all files, plain or as ``.gz``.

    Raises
    ------
    DatasetNotFound
        If they are nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """

    def locate(folder: Path) -> list[Path] | None:
        paths = []
        for file in collection.files:
            both = [folder / file.name, folder / f"{file.name}.gz"]
            paths += [path for path in both if path.is_file()][:1]
        return paths if len(paths) == len(collection.files) else None

    paths, looked = find(data, collection.subfolders, locate)
    if paths is None:
        paths = _downloaded(collection, looked, may_download, report)
    try:
        return [(str(path), _read(path, file)) for path, file in zip(paths, collection.files)]
    except ValueError as error:
        raise ValueError(
            f"{error}. Delete it, and {collection.title} is downloaded again"
        ) from None


def _read(path: Path, file: Published) -> bytes:
    with Content(path, file.size) as content:
        held = content.read_all()
        check(content, f"sha256:{file.sha256}", held)
    return bytes(held)


def _downloaded(
    collection: Collection, looked: list[Path], may_download: bool, report: Report
) -> list[Path]:
    folder = cache_folder() / collection.subfolders[0]
    if may_download:
        size = sum([file.size for file in collection.files])
        report(f"downloading {collection.title} ({size / 1e6:.1f} MB) into {folder}")
    for file in collection.files:
        if (folder / file.name).is_file():  # an earlier download came that far
            continue
        if may_download:
            tried = fetch(file, collection.mirrors, folder)
        else:
            tried = [f"{mirror} (not asked: download=False)" for mirror in collection.mirrors]
        if tried:
            raise DatasetNotFound(collection.title, collection.files, looked, tried, folder)
    return [folder / file.name for file in collection.files]
