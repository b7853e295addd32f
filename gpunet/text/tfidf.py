"""TF-IDF: how telling a word is for a text."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..io import replacing
from .splitting import split

__all__ = ["TfIdf"]

_FORMAT = "gpunet TF-IDF"
_SETTINGS = ("how", "ngrams", "min_documents", "max_features", "sublinear", "normalize")


class TfIdf:
    """Weights of the terms of texts: frequent in the text, rare in all texts.

    With N texts to fit on, of which df(t) hold the term t, and tf(t, d) times of t in text d::

        idf(t)  = ln((1 + N) / (1 + df(t))) + 1
        x(d, t) = tf(t, d) idf(t), or (1 + ln tf(t, d)) idf(t) with `sublinear`
        X[d]    = x(d) / |x(d)|

    idf is smoothed, as if one more text held every term once; these are scikit-learn's defaults.
    Source: K. Spärck Jones, "A statistical interpretation of term specificity and its application
    in retrieval", 1972.

    Parameters
    ----------
    how : {"characters", "words", "whitespace"}
        How texts are split; see `split`.
    ngrams : (int, int)
        Terms are of so many tokens in a row, from the first number to the second.
        Default: (1, 1).
    min_documents : int
        Terms that fewer texts hold are left out.
    max_features : int, optional
        The most terms; those that most texts hold stay.
    sublinear : bool
        Replace tf by 1 + ln tf. Default: False.
    normalize : bool
        Bring each row to length 1. Default: True.

    Attributes
    ----------
    terms : tuple of str
        After `fit`, in alphabetical order; the tokens of a term have spaces between them.
    idf : float32 array of shape (V,)

    Raises
    ------
    ValueError
        For settings that are none of these.
    """

    def __init__(
        self,
        how: str = "words",
        ngrams: tuple[int, int] = (1, 1),
        min_documents: int = 1,
        max_features: int | None = None,
        sublinear: bool = False,
        normalize: bool = True,
    ):
        split("", how)
        if len(ngrams) != 2 or not 1 <= ngrams[0] <= ngrams[1]:
            raise ValueError(
                f"TfIdf: ngrams: expected the least and the most tokens, from 1 on, got {ngrams!r}"
            )
        for name, value in (("min_documents", min_documents), ("max_features", max_features)):
            if value is not None and value < 1:
                raise ValueError(f"TfIdf: {name}: expected 1 or more, got {value!r}")
        self.how = how
        self.ngrams = (ngrams[0], ngrams[1])
        self.min_documents = min_documents
        self.max_features = max_features
        self.sublinear = sublinear
        self.normalize = normalize
        self.terms: tuple[str, ...] = ()
        self.idf = np.zeros(0, np.float32)
        self._numbers: dict[str, int] = {}

    def _terms_of(self, text: str) -> list[str]:
        tokens = split(text, self.how)
        low, high = self.ngrams
        if high == 1:
            return tokens
        return [
            " ".join(tokens[i : i + n])
            for n in range(low, high + 1)
            for i in range(len(tokens) - n + 1)
        ]

    def fit(self, texts: Iterable[str]) -> TfIdf:
        """Learn terms and idf from `texts`: those to train on, and no others.

        Raises
        ------
        ValueError
            If no term is left.
        """
        documents: Counter[str] = Counter()
        count = 0
        for text in texts:
            documents.update(set(self._terms_of(text)))
            count += 1
        kept = [(t, df) for t, df in documents.items() if df >= self.min_documents]
        if self.max_features is not None:
            kept = sorted(kept, key=lambda pair: (-pair[1], pair[0]))[: self.max_features]
        if not kept:
            raise ValueError(
                f"TfIdf.fit: texts: none of {len(documents)} terms is in {self.min_documents} of "
                f"the {count} texts"
            )
        kept.sort()
        held = np.array([df for _, df in kept], np.float64)
        self._set([t for t, _ in kept], np.log((1 + count) / (1 + held)) + 1)
        return self

    def _set(self, terms: Sequence[str], idf: np.ndarray) -> None:
        self.terms = tuple(terms)
        self.idf = idf.astype(np.float32)
        self._numbers = {term: i for i, term in enumerate(self.terms)}

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """The weights of `texts` as a float32 array of shape (N, V); unknown terms have none.

        Raises
        ------
        RuntimeError
            Before `fit`.
        """
        if not self.terms:
            raise RuntimeError("TfIdf.transform: call fit first")
        X = np.zeros((len(texts), len(self.terms)), np.float32)
        number = self._numbers.get
        for row, text in zip(X, texts):
            for term, times in Counter(self._terms_of(text)).items():
                if (i := number(term)) is not None:
                    row[i] = 1 + math.log(times) if self.sublinear else times
        X *= self.idf
        if self.normalize:
            lengths = np.sqrt(np.einsum("nv,nv->n", X, X))[:, None]
            np.divide(X, lengths, out=X, where=lengths > 0)
        return X

    def fit_transform(self, texts: Sequence[str]) -> np.ndarray:
        """`fit`, then `transform`."""
        return self.fit(texts).transform(texts)

    def weights_of(self, tokens: Sequence[str], unknown: float | None = None) -> np.ndarray:
        """The idf of each of some terms, as a float32 array.

        Parameters
        ----------
        tokens : sequence of str
        unknown : float, optional
            Of a term that is not known. Default: what a term that no text held would have, the
            largest idf.
        """
        if unknown is None:
            unknown = float(self.idf.max(initial=1.0))
        number = self._numbers
        return np.array(
            [self.idf[number[t]] if t in number else unknown for t in tokens], np.float32
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON; an earlier file stays whole if that fails."""
        described = {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _SETTINGS},
            "terms": self.terms,
            "idf": [float(value) for value in self.idf],
        }
        with replacing(path) as file:
            file.write((json.dumps(described, ensure_ascii=False) + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TfIdf:
        """What `save` wrote.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is damaged or is none.
        """
        with open(path, "rb") as file:
            content = file.read()
        try:
            described = json.loads(content)
            if not isinstance(described, dict) or described.get("format") != _FORMAT:
                raise ValueError(f"expected a JSON object with the format {_FORMAT!r}")
            found = cls(**{name: described[name] for name in _SETTINGS})
            terms, idf = described["terms"], np.array(described["idf"], np.float64)
            if idf.shape != (len(terms),) or not np.isfinite(idf).all():
                raise ValueError(f"expected a finite idf for each of {len(terms)} terms")
            found._set(terms, idf)
            return found
        except (KeyError, ValueError, TypeError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{os.fspath(path)} is no TF-IDF: {what}") from None
