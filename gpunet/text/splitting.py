"""From texts to tokens and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["SPLITS", "join", "split"]

#: The ways to split a text: each character; words in lower case, and each other sign that is no
#: space; what stands between spaces.
SPLITS = ("characters", "words", "whitespace")

#: A word may have apostrophes and hyphens within it: "haven't", "top-up".
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


def split(text: str, how: str) -> list[str]:
    """The tokens of `text`.

    Parameters
    ----------
    text : str
    how : {"characters", "words", "whitespace"}
        "words" makes lower case of the text, and a token of each word and of each other sign that
        is no space.

    Raises
    ------
    ValueError
        If there is no such way.
    """
    if how == "characters":
        return list(text)
    if how == "words":
        return _WORD.findall(text.lower())
    if how == "whitespace":
        return text.split()
    raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {how!r}")


def join(tokens: Sequence[str], how: str) -> str:
    """The text of `tokens`; with "words" and "whitespace", with a space between any two."""
    if how not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {how!r}")
    return ("" if how == "characters" else " ").join(tokens)
