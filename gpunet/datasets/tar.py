"""Reading a tar archive from front to end, as far as data sets need it.

Python's own `tarfile` believes what a header says about sizes; here memory is taken as the content
comes, and a damaged header is an error in every place.

Source: POSIX.1-1988, "ustar interchange format".
"""

from __future__ import annotations

from collections.abc import Iterator

from .content import Content

__all__ = ["members"]

_BLOCK = 512
_REGULAR = b"0\0"


def members(content: Content) -> Iterator[tuple[str, int]]:
    """Name and size of each regular file of an archive, with `content` standing before its bytes.

    The caller may read that many bytes; whatever it leaves is passed over.

    Raises
    ------
    ValueError
        If the archive is damaged or ends early.
    """
    while any(header := content.read(_BLOCK, "a tar header")):
        place = content.position - _BLOCK
        blank = header[:148] + b" " * 8 + header[156:]
        if sum(blank) != _octal(content, header[148:156], place):
            raise content.error(f"no header of a tar archive is at byte {place:,}")
        size = _octal(content, header[124:136], place)
        end = content.position + -(-size // _BLOCK) * _BLOCK
        if header[156] in _REGULAR:
            prefix = header[345:500] if header[257:263] == b"ustar\0" else b""
            name = prefix.split(b"\0")[0] + b"/" + header[:100].split(b"\0")[0]
            yield name.decode(errors="replace").lstrip("/"), size
        _pass_over(content, end - content.position)
    while step := content.read_some():
        if any(step):
            raise content.error("something follows the tar archive's end")


def _octal(content: Content, field: bytearray, place: int) -> int:
    digits = bytes(field).strip(b" \0")
    if not all(byte in b"01234567" for byte in digits):
        raise content.error(f"no header of a tar archive is at byte {place:,}")
    return int(digits or b"0", 8)


def _pass_over(content: Content, size: int) -> None:
    while size:
        size -= len(content.read(min(size, 1 << 18), "a file of the archive"))
