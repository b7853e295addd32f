"""Files that are either the old one or the whole new one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ModuleNotFoundError:  # Windows, which does not remove a file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["replacing"]

#: What a disk says when it cannot take what is written.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the block has ended well.

    It is written beside `path` and reaches the disk before the rename, so that a crash, a full disk
    or Ctrl-C leaves the earlier file as it was. What a killed process left of such a file goes when
    `path` is written again.

    Raises
    ------
    OSError
        If the file cannot be written; it names `path`, and nothing is left of the attempt.

    Examples
    --------
    >>> with replacing("config.json") as file:  # doctest: +SKIP
    ...     file.write(b"{}")
    """
    path = Path(path)
    _remove_abandoned(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            if fcntl:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # it may not have come to be
            temporary.unlink()
        if isinstance(error, OSError) and (
            error.filename == os.fspath(temporary)
            or (error.filename is None and error.errno in _DISK_ERRORS)
        ):
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
        raise
    if os.name == "posix":  # the rename itself
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files that earlier processes left of `path`.

    One whose process is there, or which a process of another container holds locked, is left.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.tmp")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False) and not _runs(int(match[1])):
                with suppress(OSError), open(entry.path, "rb") as file:
                    if fcntl:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(entry.path)
                if not fcntl:
                    with suppress(OSError):
                        os.unlink(entry.path)


def _runs(pid: int) -> bool:
    """Whether there is a process `pid`, as far as one can know."""
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
