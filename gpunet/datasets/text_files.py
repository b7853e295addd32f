"""Readers of files of text: whole texts, lines, parallel lines, comma-separated values."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

from .content import Content

__all__ = ["decoded", "parallel", "read_lines", "read_parallel", "read_table", "read_text", "table"]


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file, plain or compressed by gzip; ends of lines become ``"\\n"``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not UTF-8 (the message names the byte), or is damaged.
    """
    with Content(path) as content:
        return decoded(content.name, bytes(content.read_all()))


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a file of text, without their ends; raises as `read_text`."""
    return _lines(read_text(path))


def read_parallel(
    source: str | os.PathLike[str], target: str | os.PathLike[str]
) -> tuple[list[str], list[str]]:
    """The lines of two files of which line n of one is the translation of line n of the other.

    Raises
    ------
    OSError
        If one cannot be read.
    ValueError
        If they have different numbers of lines, are empty, or are no UTF-8.
    """
    return parallel((os.fspath(source), read_text(source)), (os.fspath(target), read_text(target)))


def read_table(path: str | os.PathLike[str], columns: Sequence[str]) -> list[list[str]]:
    """The rows of a file of comma-separated values whose first line names its columns.

    Parameters
    ----------
    path : path
    columns : sequence of str
        The columns it must have, in this order.

    Returns
    -------
    list of list of str
        As many fields in each as there are columns.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If the columns are others, a row is too long or too short (the message has its line), there
        is no row, or the file is no UTF-8.
    """
    return table(os.fspath(path), read_text(path), columns)


# --- the same of text that is in memory already -------------------------------------------------


def decoded(name: str, content: bytes) -> str:
    """`content` as text, which errors call `name`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: byte {error.start:,} is not UTF-8: {error.reason}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _lines(text: str) -> list[str]:
    """Only "\\n" ends a line: `str.splitlines` takes ten others, which may stand within one."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def parallel(source: tuple[str, str], target: tuple[str, str]) -> tuple[list[str], list[str]]:
    """Two texts, each with its name, as pairs of lines."""
    lines = _lines(source[1]), _lines(target[1])
    if len(lines[0]) != len(lines[1]) or not lines[0]:
        raise ValueError(
            f"{source[0]} and {target[0]}: expected as many lines in both, and at least one; "
            f"got {len(lines[0]):,} and {len(lines[1]):,}"
        )
    return lines


def table(name: str, text: str, columns: Sequence[str]) -> list[list[str]]:
    """Rows of comma-separated values."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    expected = list(columns)
    rows = []
    try:
        header = next(reader, [])
        if header != expected:
            raise ValueError(f"{name}: expected the columns {expected}, got {header}")
        for row in reader:
            if len(row) != len(expected):
                raise ValueError(
                    f"{name}: line {reader.line_num}: expected {len(expected)} fields "
                    f"({', '.join(expected)}), got {len(row)}"
                )
            rows.append(row)
    except csv.Error as error:
        raise ValueError(f"{name}: line {reader.line_num}: {error}") from None
    if not rows:
        raise ValueError(f"{name}: expected at least one row after the columns' names")
    return rows
