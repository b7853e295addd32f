"""What a file holds, decompressed where it is gzip's, and never more of it than was asked for."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Any

__all__ = ["Content", "check"]

#: What one byte of a deflate stream can become at most (zlib's technical notes).
_LARGEST_RATIO = 1032
_STEP = 1 << 18


class Content:
    """The content of a file from its front to its end.

    Memory is taken as the content comes, so that neither a header that promises too much nor a
    small file that decompresses into a large one takes more than there is.

    Parameters
    ----------
    path : path
        Plain or compressed by gzip; which of them, its first bytes tell.
    largest : int, optional
        Content that is longer is refused.

    Attributes
    ----------
    name : str
    position : int
        How many bytes were read.
    largest : int
        The content is no longer than this: the size of a plain file, or what a compressed file of
        this size can hold.

    Raises
    ------
    ValueError
        If the file is called ``.gz`` and is not; later if it is damaged or ends early. All errors
        name the file.
    """

    def __init__(self, path: str | os.PathLike[str], largest: int | None = None):
        self.name = os.fspath(path)
        self.position = 0
        self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        size = os.fstat(self._file.fileno()).st_size
        self.compressed = self._file.read(2) == b"\x1f\x8b"
        self._file.seek(0)
        self.largest = size * _LARGEST_RATIO if self.compressed else size
        if self.name.endswith(".gz") and not self.compressed:
            self._file.close()
            raise self.error("it does not begin as a gzip file does")
        self._limit = self.largest if largest is None else min(self.largest, largest)
        self._inflate = zlib.decompressobj(31)  # gzip's header and checksum included
        self._input = b""  # compressed bytes that were not used yet

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def error(self, what: str) -> ValueError:
        """A ValueError that names the file."""
        return ValueError(f"{self.name}: {what}")

    def read(self, size: int, what: str = "content") -> bytearray:
        """Exactly `size` bytes, which errors call `what`."""
        if size > self._limit - self.position:
            raise self.error(
                f"{size:,} bytes of {what} are expected from byte {self.position:,} on, where the "
                + (
                    f"compressed file can hold {self._limit:,} at most"
                    if self.compressed
                    else f"file has {self._limit:,}"
                )
            )
        taken = bytearray()
        while len(taken) < size:
            step = self._next(min(_STEP, size - len(taken)))
            if not step:
                raise self.error(
                    f"it ends after {self.position:,} bytes, {size - len(taken):,} short of the "
                    f"{size:,} bytes of {what}"
                )
            taken += step
        return taken

    def read_all(self) -> bytearray:
        """All that is left."""
        taken = bytearray()
        while step := self.read_some():
            taken += step
        return taken

    def read_some(self) -> bytes:
        """The next piece, of any size; empty at the end."""
        return self._next(_STEP)

    def end(self) -> None:
        """See that nothing is left, and that gzip's own checksum is right."""
        if self._next(1):
            raise self.error(
                f"it goes on after the {self.position - 1:,} bytes that it should have"
            )

    def _next(self, most: int) -> bytes:
        """Some bytes, at most `most`; none at the end."""
        step = self._decompressed(most) if self.compressed else self._file.read(most)
        self.position += len(step)
        if self.position > self._limit:
            raise self.error(f"it holds more than the {self._limit:,} bytes that it may have")
        return step

    def _decompressed(self, most: int) -> bytes:
        try:
            while True:
                if self._inflate.eof:
                    # Further members may follow, and zeros that fill a block.
                    while self._fill() and not (rest := self._input.lstrip(b"\0")):
                        self._input = b""
                    if not self._input:
                        return b""
                    self._input = rest
                    self._inflate = zlib.decompressobj(31)
                more = self._fill()
                step = self._inflate.decompress(self._input, most)
                if not (more or step or self._inflate.eof):
                    raise self.error("the compressed data end early")
                self._input = self._inflate.unconsumed_tail or self._inflate.unused_data
                if step:
                    return step
        except zlib.error as error:
            raise self.error(f"the compressed data are damaged ({error})") from None

    def _fill(self) -> bool:
        self._input = self._input or self._file.read(_STEP)
        return bool(self._input)


def check(content: Content, checksum: str | None, *parts: bytes | bytearray) -> None:
    """Compare the checksum of all of the content with a known one.

    Parameters
    ----------
    content : Content
        For its name.
    checksum : str, optional
        Algorithm and value, as in ``"sha256:9f86d0..."``. None: nothing to compare with.
    *parts : bytes
        What was read.
    """
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    total = hashlib.new(algorithm, usedforsecurity=False)
    for part in parts:
        total.update(part)
    if total.hexdigest() != expected:
        raise content.error(
            f"its content has the {algorithm} {total.hexdigest()}, expected {expected}: it is "
            "damaged, or another data set's"
        )
