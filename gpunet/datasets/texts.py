"""Texts: tiny Shakespeare, small_parallel_enja, banking77 and sums in figures."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

import numpy as np

from .download import Report, on_stderr
from .places import Published
from .published import Collection, contents_of
from .text_files import decoded, parallel, table

__all__ = [
    "LabelledTexts",
    "Pairs",
    "load_addition",
    "load_banking77",
    "load_enja",
    "load_shakespeare",
]

_GITHUB = "https://raw.githubusercontent.com/"

SHAKESPEARE = Collection(
    "tiny Shakespeare",
    ("tiny_shakespeare", "tinyshakespeare"),
    (f"{_GITHUB}karpathy/char-rnn/master/data/tinyshakespeare/",),
    (
        Published(
            "input.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
    ),
)
ENJA = Collection(
    "small_parallel_enja",
    ("small_parallel_enja",),
    (f"{_GITHUB}odashi/small_parallel_enja/master/",),
    (
        Published(
            "train.en",
            1_701_356,
            "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76",
        ),
        Published(
            "train.ja",
            2_784_447,
            "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc",
        ),
        Published(
            "dev.en",
            17_054,
            "04a2673449770657fd5e3b963cb856be3130923212b6db8ac7eaeef18f06c041",
        ),
        Published(
            "dev.ja",
            27_781,
            "cd534f56b8639dc130f86a365e5ec0aa70042000bdd740a622fbbf8b6be4acca",
        ),
        Published(
            "test.en",
            17_301,
            "45edb380749ec2b49cca7618fc5a7595fc9f791180672ba466b90c873a4aa8bf",
        ),
        Published(
            "test.ja",
            27_793,
            "d37dc460a81b064e4106c8913eb11fa300da05cf3f58a7a5bbfec7e20947ddef",
        ),
    ),
)
BANKING77 = Collection(
    "banking77",
    ("banking77", "banking_data"),
    (f"{_GITHUB}PolyAI-LDN/task-specific-datasets/master/banking_data/",),
    (
        Published(
            "train.csv",
            839_073,
            "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
        ),
        Published(
            "test.csv",
            239_961,
            "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
        ),
        Published(
            "categories.json",
            2_036,
            "53261da888122daf2d120d925458631d9619e15d82e56052e7a42e535ce32b63",
        ),
    ),
)
ADDITION = Collection(
    "addition",
    ("addition",),
    (f"{_GITHUB}oreilly-japan/deep-learning-from-scratch-2/master/dataset/",),
    (
        Published(
            "addition.txt",
            650_000,
            "34e0746f5014c11311c9452ee9050bf14e38eca44ec4aaf4d81eba2b38674009",
        ),
    ),
)


class Pairs(NamedTuple):
    """Sentences and their translations, as `load_enja` returns them; line n belongs to line n."""

    train: tuple[list[str], list[str]]
    validation: tuple[list[str], list[str]]
    test: tuple[list[str], list[str]]


class LabelledTexts(NamedTuple):
    """The two parts of a data set of texts in classes.

    Attributes
    ----------
    train_texts, test_texts : list of str
    train_labels, test_labels : int64 array of shape (N,)
    classes : tuple of str
        Label i is the i-th.
    """

    train_texts: list[str]
    train_labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray
    classes: tuple[str, ...]


def load_shakespeare(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> str:
    """Tiny Shakespeare: 40,000 lines of the plays, 1,115,394 characters, 65 different ones.

    ``input.txt`` is looked for in `data`, then in the folder that the environment variable
    ``GPUNET_DATA`` names, then in the user's cache, in each also in the sub-folder
    ``tiny_shakespeare``; where it is nowhere, it is downloaded into the cache (1 MB). Its content
    is compared with the published file's in each load. Source: A. Karpathy, char-rnn.

    Parameters
    ----------
    data : path, optional
        A folder.
    download : bool
        Whether it may be downloaded. Default: True.
    report : callable
        Called with a line of text before a download. Default: writes it to stderr.

    Raises
    ------
    DatasetNotFound
        If it is nowhere and cannot be downloaded.
    ValueError
        If the file is damaged.
    """
    ((name, content),) = contents_of(SHAKESPEARE, data, download, report)
    return decoded(name, content)


def load_enja(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> Pairs:
    """small_parallel_enja: 50,000 pairs of English and Japanese sentences, 500 and 500 beside them.

    Each has 4 to 16 tokens with one space between them. The six files are found, downloaded
    (5 MB) and checked as by `load_shakespeare`; the sub-folder is ``small_parallel_enja``. Source:
    Y. Oda, small_parallel_enja, out of the Tanaka Corpus.

    Returns
    -------
    Pairs
        (English, Japanese) to train on, to validate and to test with.
    """
    texts = [
        (name, decoded(name, held)) for name, held in contents_of(ENJA, data, download, report)
    ]
    return Pairs(*[parallel(texts[i], texts[i + 1]) for i in (0, 2, 4)])


def load_banking77(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> LabelledTexts:
    """banking77: 10,003 questions to a bank to train on and 3,080 to test with, of 77 intents.

    The three files are found, downloaded (1 MB) and checked as by `load_shakespeare`; the
    sub-folders are ``banking77`` and ``banking_data``. Source: I. Casanueva et al., "Efficient
    Intent Detection with Dual Sentence Encoders", 2020 (CC BY 4.0).
    """
    train, test, categories = contents_of(BANKING77, data, download, report)
    classes = tuple(json.loads(categories[1]))
    number = {name: i for i, name in enumerate(classes)}
    parts: list[tuple[list[str], np.ndarray]] = []
    for name, content in (train, test):
        rows = table(name, decoded(name, content), ("text", "category"))
        labels = np.array([number[category] for _, category in rows], np.int64)
        parts.append(([text.strip() for text, _ in rows], labels))
    return LabelledTexts(*parts[0], *parts[1], classes)


def load_addition(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> tuple[list[str], list[str]]:
    """50,000 different sums: ("16+75  ", "91  ") and the like, of 7 and 4 characters.

    ``addition.txt`` is found, downloaded (1 MB) and checked as by `load_shakespeare`; the
    sub-folder is ``addition``. Source: K. Saitoh, "Deep Learning from Scratch 2", 2018.

    Returns
    -------
    questions, answers : list of str
    """
    ((name, content),) = contents_of(ADDITION, data, download, report)
    pairs = [line.split("_") for line in decoded(name, content).splitlines()]
    return [question for question, _ in pairs], [answer for _, answer in pairs]
