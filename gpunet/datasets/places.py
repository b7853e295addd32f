"""Where data sets are looked for, and what is said when they are nowhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

__all__ = ["DatasetNotFound", "Published", "cache_folder", "find"]

T = TypeVar("T")


class Published(NamedTuple):
    """A file as its publishers give it away.

    Attributes
    ----------
    name : str
    size : int
        In bytes.
    sha256 : str
    """

    name: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} ({self.size:,} bytes, sha256 {self.sha256})"


class DatasetNotFound(FileNotFoundError):
    """A data set is not on this machine and was not downloaded; the message says what to do."""

    def __init__(
        self,
        title: str,
        files: Iterable[Published],
        looked: Iterable[Path],
        tried: Iterable[str],
        cache: Path,
    ):
        lines = [f"{title} is not on this machine, and was not downloaded.", "The files:"]
        lines += [f"  {file}" for file in files]
        lines += ["were looked for, plain or as .gz, in:"]
        lines += [f"  {folder}" for folder in looked]
        lines += ["and asked for at:", *[f"  {attempt}" for attempt in tried]]
        lines += [
            f"Download them into {cache}, or say in which folder they are: --data DIR, data=DIR, "
            "or the environment variable GPUNET_DATA."
        ]
        super().__init__("\n".join(lines))


def cache_folder() -> Path:
    """The user's cache folder for gpunet, by the conventions of the system."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        default = Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base, default = "", Path.home() / "Library" / "Caches"
    else:
        base, default = os.environ.get("XDG_CACHE_HOME", ""), Path.home() / ".cache"
    return (Path(base) if os.path.isabs(base) else default) / "gpunet"


def find(
    data: str | os.PathLike[str] | None,
    subfolders: tuple[str, ...],
    locate: Callable[[Path], T | None],
) -> tuple[T | None, list[Path]]:
    """What `locate` finds in the first folder that has the data set, and the folders looked in.

    Parameters
    ----------
    data : path, optional
        Looked in first, then ``GPUNET_DATA``, then the cache.
    subfolders : tuple of str
        Looked in before the folder itself, as other data sets' files have the same names.
    locate : callable
        Says what it found in a folder, or None.

    Raises
    ------
    FileNotFoundError
        If `data` is given and there is no such folder.
    """
    if data is not None and not os.path.exists(data):
        raise FileNotFoundError(f"data: there is no folder {os.fspath(data)}")
    looked = []
    for root in _roots(data):
        for folder in [*[root / name for name in subfolders], root]:
            looked.append(folder)
            if os.path.exists(folder) and (found := locate(folder)) is not None:
                return found, looked
    return None, looked


def _roots(data: str | os.PathLike[str] | None) -> Iterator[Path]:
    if data is not None:
        yield Path(data)
    if named := os.environ.get("GPUNET_DATA"):
        yield Path(named).expanduser()
    yield cache_folder()
