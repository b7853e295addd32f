"""Downloading a published file: whole and with its checksum, or not at all."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..io import replacing
from .places import Published

__all__ = ["Report", "fetch", "on_stderr"]

#: Told what is done, a line at a time.
Report = Callable[[str], None]

#: Seconds that a server may be silent.
_SILENCE = 20.0
#: Bytes a second below which a server is given up, after a grace of `_SILENCE`.
_SLOWEST = 20_000


def on_stderr(line: str) -> None:
    """Report on the standard error stream."""
    print(line, file=sys.stderr, flush=True)


def fetch(file: Published, mirrors: Sequence[str], folder: Path) -> list[str]:
    """Put a file into a folder, from the first mirror that gives it as it was published.

    Parameters
    ----------
    file : Published
    mirrors : sequence of str
        Addresses to which the file's name is added.
    folder : path
        Made where it is absent.

    Returns
    -------
    list of str
        Empty when the file is there; otherwise each address and what was wrong with it.

    Raises
    ------
    OSError
        If the folder cannot be written to, or is full.
    """
    from http.client import HTTPException  # with TLS: a fifth of gpunet's own import
    from urllib.error import URLError

    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        address = mirror + file.name
        try:
            with replacing(folder / file.name) as target:
                _receive(address, file, target.write)
            return []
        except (OSError, HTTPException, ValueError) as error:
            if not isinstance(error, URLError) and getattr(error, "filename", None) is not None:
                raise  # of the disk, not of the net
            reason = getattr(error, "reason", None) or error
            failures.append(f"{address}: {reason or type(error).__name__}")
    return failures


class _Refused(ValueError):
    """A server's answer is not the published file."""


def _receive(address: str, file: Published, write: Callable[[bytes], object]) -> None:
    from urllib.request import Request, urlopen

    deadline = time.monotonic() + _SILENCE + file.size / _SLOWEST
    total = hashlib.sha256()
    size = 0
    request = Request(address, headers={"User-Agent": "gpunet"})
    with urlopen(request, timeout=_SILENCE) as response:
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) != file.size:
            raise _Refused(f"it has {int(announced):,} bytes, expected {file.size:,}")
        while piece := response.read1(1 << 16):
            size += len(piece)
            if size > file.size:
                raise _Refused(f"it has more than the expected {file.size:,} bytes")
            if time.monotonic() > deadline:
                raise _Refused(f"it is slower than {_SLOWEST:,} bytes a second")
            total.update(piece)
            write(piece)
    if size < file.size:
        raise _Refused(f"it ended after {size:,} of {file.size:,} bytes")
    if total.hexdigest() != file.sha256:
        raise _Refused(f"it has the sha256 {total.hexdigest()}, expected {file.sha256}")
