"""`Vocabulary`: tokens and their numbers."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..io import replacing
from .splitting import SPLITS, join, split

__all__ = ["Vocabulary"]

_FORMAT = "gpunet vocabulary"
#: What the special tokens are for, in the order of their numbers.
_ROLES = ("padding", "unknown", "start", "end")


class Vocabulary:
    """Tokens, each with a number: its place in the list.

    Parameters
    ----------
    tokens : sequence of str
        All different.
    how : {"characters", "words", "whitespace"}
        How texts are split into tokens; see `split`.
    special : mapping of str to str
        Which of the tokens stand for "padding", "unknown", "start" and "end"; any may be missing.

    Attributes
    ----------
    padding, unknown, start, end : int or None
        The numbers of the special tokens.

    Raises
    ------
    ValueError
        If tokens repeat, or `how` or `special` are none of these.

    Examples
    --------
    >>> vocabulary = Vocabulary.build(["a rose is a rose"], "words")
    >>> vocabulary.tokens
    ('<pad>', '<unk>', '<s>', '</s>', 'a', 'rose', 'is')
    >>> vocabulary.encode("a tulip is a rose", end=True)
    array([4, 1, 6, 4, 5, 3])
    >>> vocabulary.decode([4, 1, 6, 4, 5, 3])
    'a <unk> is a rose'
    """

    def __init__(
        self, tokens: Sequence[str], how: str = "words", special: Mapping[str, str] | None = None
    ):
        self.tokens = tuple(tokens)
        self.how = how
        self.special = dict(special or {})
        self.numbers = {token: i for i, token in enumerate(self.tokens)}
        if how not in SPLITS:
            raise ValueError(f"Vocabulary: how: expected one of {', '.join(SPLITS)}, got {how!r}")
        if len(self.numbers) != len(self.tokens):
            twice = Counter(self.tokens).most_common(1)[0][0]
            raise ValueError(f"Vocabulary: tokens: expected different ones, got {twice!r} twice")
        for role, token in self.special.items():
            if role not in _ROLES:
                raise ValueError(f"Vocabulary: special: expected {', '.join(_ROLES)}, got {role!r}")
            if token not in self.numbers:
                raise ValueError(f"Vocabulary: special: {role}: {token!r} is none of the tokens")
        self.padding, self.unknown, self.start, self.end = [
            self.numbers[self.special[role]] if role in self.special else None for role in _ROLES
        ]
        self._left_out = {self.padding, self.start}

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        how: str = "words",
        min_count: int = 1,
        max_size: int | None = None,
        padding: str | None = "<pad>",
        unknown: str | None = "<unk>",
        start: str | None = "<s>",
        end: str | None = "</s>",
    ) -> Vocabulary:
        """The vocabulary of some texts: special tokens first, then by falling frequency.

        Among tokens as frequent as each other the one that came first is first.

        Parameters
        ----------
        texts : iterable of str
            Those to train on, and no others.
        how : {"characters", "words", "whitespace"}
        min_count : int
            Tokens that are rarer are left out.
        max_size : int, optional
            The most tokens there may be, special ones included.
        padding, unknown, start, end : str or None
            The special tokens; None for none.

        Raises
        ------
        ValueError
            If `min_count` or `max_size` is too small, or a text holds a special token.
        """
        special = {
            role: token
            for role, token in zip(_ROLES, (padding, unknown, start, end))
            if token is not None
        }
        if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 1:
            raise ValueError(
                f"Vocabulary: min_count: expected an integer, 1 or more, got {min_count!r}"
            )
        if max_size is not None and not max_size > len(special):
            raise ValueError(
                f"Vocabulary: max_size: expected more than the {len(special)} special tokens, "
                f"got {max_size!r}"
            )
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split(text, how))
        for role, token in special.items():
            if token in counts:
                raise ValueError(
                    f"Vocabulary: {role}: {token!r} stands in a text; expected a token that does "
                    "not"
                )
        room = None if max_size is None else max_size - len(special)
        known = [token for token, count in counts.most_common(room) if count >= min_count]
        return cls([*special.values(), *known], how, special)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._described() == other._described()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, {self.how})"

    def encode(self, text: str, start: bool = False, end: bool = False) -> np.ndarray:
        """The numbers of the tokens of `text`, as an int64 array of shape (L,).

        Parameters
        ----------
        text : str
        start, end : bool
            Put the start token before them, the end token behind them.

        Raises
        ------
        ValueError
            If a token is not known and there is none for unknown ones, or there is no start or end
            token.
        """
        tokens = split(text, self.how)
        found: list[Any]
        if self.unknown is not None:
            number, unknown = self.numbers.get, self.unknown
            found = [number(token, unknown) for token in tokens]
        else:
            try:
                found = [self.numbers[token] for token in tokens]
            except KeyError as error:
                raise ValueError(
                    f"encode: text: the token {error.args[0]!r} is not in the vocabulary, which "
                    "has none for unknown tokens"
                ) from None
        if start:
            found.insert(0, self._needed("start"))
        if end:
            found.append(self._needed("end"))
        return np.array(found, np.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of a sequence of numbers, up to the first end token.

        Padding and start tokens are left out, unknown ones are written as such.

        Raises
        ------
        IndexError
            If a number is none of a token's.
        """
        tokens = []
        for number in numbers:
            number = int(number)
            if not 0 <= number < len(self.tokens):
                raise IndexError(
                    f"decode: numbers: expected 0 to {len(self.tokens) - 1}, got {number}"
                )
            if number == self.end:
                break
            if number not in self._left_out:
                tokens.append(self.tokens[number])
        return join(tokens, self.how)

    def _needed(self, role: str) -> int:
        number = getattr(self, role)
        if number is None:
            raise ValueError(f"encode: {role}: the vocabulary has no {role} token")
        return number

    # --- files ----------------------------------------------------------------------------------

    def _described(self) -> dict[str, Any]:
        return {"how": self.how, "special": self.special, "tokens": list(self.tokens)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON; an earlier file stays whole if that fails."""
        described = {"format": _FORMAT, **self._described()}
        with replacing(path) as file:
            file.write((json.dumps(described, ensure_ascii=False, indent=0) + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """The vocabulary in a file that `save` wrote.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is damaged or is none.
        """
        with open(path, "rb") as file:
            content = file.read()
        try:
            described = json.loads(content)
            if not isinstance(described, dict) or described.get("format") != _FORMAT:
                raise ValueError(f"expected a JSON object with the format {_FORMAT!r}")
            tokens, how, special = (described[key] for key in ("tokens", "how", "special"))
            if not (isinstance(tokens, list) and all(isinstance(t, str) for t in tokens)):
                raise ValueError("tokens: expected a list of texts")
            if not isinstance(special, dict):
                raise ValueError("special: expected an object")
            return cls(tokens, how, special)
        except (KeyError, ValueError, TypeError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{os.fspath(path)} is no vocabulary: {what}") from None
