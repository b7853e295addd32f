"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in ten classes.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .cifar import ARCHIVE, arranged, locate
from .download import Report, fetch, on_stderr
from .images import Images
from .places import DatasetNotFound, Published, cache_folder, find

__all__ = ["load_cifar10"]

TITLE = "CIFAR-10"
#: Where it is usually kept; the first is its name in the cache, and the archive's folder.
SUBFOLDERS = ("cifar-10-batches-bin", "cifar10", "cifar-10", "CIFAR10", "cifar10_subset")
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
PUBLISHED = Published(
    ARCHIVE,
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


def load_cifar10(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> Images:
    """CIFAR-10: 50,000 colour photographs to train on and 10,000 to test with, 32x32 pixels.

    The classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Looked for are, in this order: the six files of the binary version, plain or as ``.gz``; the
    archive ``cifar-10-binary.tar.gz``; a part of the data set, files such as
    ``data_batch_1.first5000.bin.gz`` and ``test_batch.first1000.bin.gz``. First in `data`, then in
    the folder that the environment variable ``GPUNET_DATA`` names, then in the user's cache, in
    each also in the sub-folders ``cifar-10-batches-bin``, ``cifar10``, ``cifar-10``, ``CIFAR10``
    and ``cifar10_subset``. Where nothing is found, the archive is downloaded into the cache (170
    MB).
    The content of whole files is compared with the published files' in each load.

    Parameters
    ----------
    data : path, optional
        A folder, or the archive.
    download : bool
        Whether the archive may be downloaded. Default: True.
    report : callable
        Called with a line of text before a download. Default: writes it to stderr.

    Returns
    -------
    Images
        Of shape (N, 3, 32, 32), red, green and blue from 0 to 1; 740 MB, and 184 MB more while
        loading. `read_cifar10` gives the bytes.

    Raises
    ------
    DatasetNotFound
        If it is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    located: Path | list[Path] | None
    located, looked = find(data, SUBFOLDERS, locate)
    if located is None:
        located = _downloaded(looked, download, report)
    try:
        return arranged(located, np.float32)
    except ValueError as error:
        raise ValueError(f"{error}. Delete it, and {TITLE} is downloaded again") from None


def _downloaded(looked: list[Path], may_download: bool, report: Report) -> Path:
    folder = cache_folder() / SUBFOLDERS[0]
    if may_download:
        report(f"downloading {TITLE} ({PUBLISHED.size / 1e6:.0f} MB) into {folder}")
        tried = fetch(PUBLISHED, MIRRORS, folder)
    else:
        tried = [f"{mirror} (not asked: download=False)" for mirror in MIRRORS]
    if tried:
        raise DatasetNotFound(TITLE, [PUBLISHED], looked, tried, folder)
    return folder / ARCHIVE
