"""MNIST and Fashion-MNIST: 70,000 images of 28x28 pixels in ten classes, in four IDX files each.

Sources: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits"; H. Xiao,
K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017 (MIT licence).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..io import replacing
from .content import Content
from .download import Report, fetch, on_stderr
from .idx import read_idx
from .images import Images, scaled
from .places import DatasetNotFound, Published, cache_folder, find

__all__ = ["FASHION_MNIST", "MNIST", "Family", "load_fashion_mnist", "load_mnist"]


class Family(NamedTuple):
    """A data set of four IDX files with the names of MNIST's.

    Attributes
    ----------
    title : str
    subfolders : tuple of str
        Where it is usually kept; the first is its name in the cache.
    mirrors : tuple of str
    files : tuple of Published
        As they are published, compressed.
    contents : tuple of str
        The checksum of each, decompressed.
    """

    title: str
    subfolders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[Published, ...]
    contents: tuple[str, ...]


MNIST = Family(
    "MNIST",
    ("mnist", "MNIST/raw", "MNIST"),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        Published(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        Published(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        Published(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        Published(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    (
        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
# The contents' checksums are the published MD5s.
FASHION_MNIST = Family(
    "Fashion-MNIST",
    ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    (
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        Published(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        Published(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        Published(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        Published(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    (
        "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "md5:9018921c3c673c538a1fc5bad174d6f9",
        "md5:8181f5470baa50b63fa0f6fddb340f0a",
        "md5:15d484375f8d13e6eb1aabb0c3f46965",
    ),
)


def load_mnist(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> Images:
    """MNIST: 60,000 handwritten digits to train on and 10,000 to test with, 28x28 pixels.

    The four files are looked for in `data`, then in the folder that the environment variable
    ``GPUNET_DATA`` names, then in the user's cache, in each also in the sub-folders ``mnist`` and
    ``MNIST/raw``, plain or as ``.gz``; a folder counts that has all four. Where none has, they are
    downloaded into the cache (12 MB, 55 MB there). Their content is compared with the published
    files' in each load.

    Parameters
    ----------
    data : path, optional
        A folder.
    download : bool
        Whether the files may be downloaded. Default: True.
    report : callable
        Called with a line of text before a download. Default: writes it to stderr.

    Returns
    -------
    Images
        Of shape (N, 1, 28, 28), 0 for paper to 1 for ink; 220 MB. `read_idx` gives the bytes.

    Raises
    ------
    DatasetNotFound
        If the files are nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    return _load(MNIST, data, download, report)


def load_fashion_mnist(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> Images:
    """Fashion-MNIST: 60,000 pictures of clothes to train on and 10,000 to test with, 28x28 pixels.

    The classes: T-shirt, trousers, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.
    The files are found and checked as by `load_mnist`; the sub-folders are ``fashion_mnist``,
    ``fashion-mnist`` and ``FashionMNIST/raw``, the download has 31 MB.

    Parameters
    ----------
    data : path, optional
        A folder.
    download : bool
        Whether the files may be downloaded. Default: True.
    report : callable
        Called with a line of text before a download. Default: writes it to stderr.

    Returns
    -------
    Images
        Of shape (N, 1, 28, 28), from 0 to 1; 220 MB.

    Raises
    ------
    DatasetNotFound, ValueError
        As `load_mnist`.
    """
    return _load(FASHION_MNIST, data, download, report)


def _load(
    family: Family, data: str | os.PathLike[str] | None, may_download: bool, report: Report
) -> Images:
    names = [file.name.removesuffix(".gz") for file in family.files]

    def locate(folder: Path) -> list[Path] | None:
        paths = []
        for name in names:
            both = [folder / name, folder / f"{name}.gz"]
            paths += [path for path in both if path.is_file()][:1]
        return paths if len(paths) == len(names) else None

    paths, looked = find(data, family.subfolders, locate)
    if paths is None:
        paths = _downloaded(family, looked, may_download, report)
    try:
        with ThreadPoolExecutor(len(paths)) as pool:  # zlib and NumPy let other threads run
            return Images(*pool.map(_read, paths, family.contents))
    except ValueError as error:
        raise ValueError(f"{error}. Delete it, and {family.title} is downloaded again") from None


def _read(path: Path, checksum: str) -> np.ndarray:
    array = read_idx(path, checksum)
    return scaled(array[:, None]) if array.ndim == 3 else array.astype(np.int64)


def _downloaded(
    family: Family, looked: list[Path], may_download: bool, report: Report
) -> list[Path]:
    """The four files in the cache, decompressed: that is three times as fast to load."""
    folder = cache_folder() / family.subfolders[0]
    paths = [folder / file.name.removesuffix(".gz") for file in family.files]
    if may_download:
        size = sum([file.size for file in family.files])
        report(f"downloading {family.title} ({size / 1e6:.0f} MB) into {folder}")
    for file, path in zip(family.files, paths):
        if path.is_file():  # an earlier download came that far
            continue
        if may_download:
            tried = fetch(file, family.mirrors, folder)
        else:
            tried = [f"{mirror} (not asked: download=False)" for mirror in family.mirrors]
        if tried:
            raise DatasetNotFound(family.title, family.files, looked, tried, folder)
        with Content(folder / file.name) as content, replacing(path) as target:
            while piece := content.read_some():
                target.write(piece)
        (folder / file.name).unlink()
    return paths
