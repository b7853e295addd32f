"""The files of a benchmark: a document and a picture for each case, and the report of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .cases import CASES
from .picture import draw
from .run import FORMAT
from .webpage import webpage

__all__ = ["read", "read_all", "write", "write_picture", "write_report"]

Document = dict[str, Any]


def write(document: Document, path: Path) -> None:
    """Write `document` as JSON, whole or not at all."""
    _replace(path, json.dumps(document, indent=1) + "\n")


def read(path: Path) -> Document:
    """The document in a file.

    Raises
    ------
    ValueError
        If `path` is not such a file.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path}: not a file that `gpunet bench` wrote")
    return document


def read_all(folder: Path) -> list[Document]:
    """The documents in a folder, in the order of the cases; those of cases no longer there last.

    Raises
    ------
    ValueError
        If there are none.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(read(path))
        except ValueError:  # a file of something else
            continue
    if not found:
        raise ValueError(f"{folder}: no file in it that `gpunet bench` wrote")
    order = {name: i for i, name in enumerate(CASES)}
    return sorted(found, key=lambda document: order.get(document["case"]["name"], len(order)))


def write_picture(document: Document, path: Path) -> None:
    """Draw `document`, if it holds anything to draw."""
    figure = draw(document)
    if figure is not None:
        figure.savefig(path, dpi=160)


def write_report(folder: Path) -> Path:
    """Write report.html of the documents in `folder`, whole or not at all; its path."""
    path = folder / "report.html"
    _replace(path, webpage(read_all(folder)))
    return path


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
